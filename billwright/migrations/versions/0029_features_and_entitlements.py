"""Features and entitlements

Revision ID: 0029
Revises: 0028
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "features",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_features_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_features")),
    )
    op.create_index(
        "ix_features_list",
        "features",
        ["organization_id", sa.literal_column("created_at desc"), "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at is null"),
    )
    op.create_index(
        "uq_features_code",
        "features",
        ["organization_id", "code"],
        unique=True,
        postgresql_where=sa.text("deleted_at is null"),
    )
    op.create_table(
        "privileges",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("feature_id", sa.UUID(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("value_type", sa.String(), nullable=False),
        sa.Column("config", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint(
            "value_type in ('string', 'integer', 'boolean', 'select')", name=op.f("ck_privileges_value_type")
        ),
        sa.ForeignKeyConstraint(["feature_id"], ["features.id"], name=op.f("fk_privileges_feature_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_privileges")),
        sa.UniqueConstraint("feature_id", "code", name=op.f("uq_privileges_feature_id_code")),
    )
    op.create_table(
        "entitlement_removals",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("subscription_id", sa.UUID(), nullable=False),
        sa.Column("feature_id", sa.UUID(), nullable=False),
        sa.Column("privilege_id", sa.UUID(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["feature_id"], ["features.id"], name=op.f("fk_entitlement_removals_feature_id")),
        sa.ForeignKeyConstraint(["privilege_id"], ["privileges.id"], name=op.f("fk_entitlement_removals_privilege_id")),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.id"], name=op.f("fk_entitlement_removals_subscription_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entitlement_removals")),
    )
    op.create_index("ix_entitlement_removals_feature_id", "entitlement_removals", ["feature_id"], unique=False)
    op.create_index(
        "uq_entitlement_removals_feature",
        "entitlement_removals",
        ["subscription_id", "feature_id"],
        unique=True,
        postgresql_where=sa.text("privilege_id is null"),
    )
    op.create_index(
        "uq_entitlement_removals_privilege",
        "entitlement_removals",
        ["subscription_id", "privilege_id"],
        unique=True,
        postgresql_where=sa.text("privilege_id is not null"),
    )
    op.create_table(
        "entitlements",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("feature_id", sa.UUID(), nullable=False),
        sa.Column("plan_id", sa.UUID(), nullable=True),
        sa.Column("subscription_id", sa.UUID(), nullable=True),
        sa.CheckConstraint("(plan_id is null) <> (subscription_id is null)", name=op.f("ck_entitlements_holder")),
        sa.ForeignKeyConstraint(["feature_id"], ["features.id"], name=op.f("fk_entitlements_feature_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_entitlements_organization_id")
        ),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_entitlements_plan_id")),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.id"], name=op.f("fk_entitlements_subscription_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entitlements")),
    )
    op.create_index("ix_entitlements_feature_id", "entitlements", ["feature_id"], unique=False)
    op.create_index(
        "uq_entitlements_plan",
        "entitlements",
        ["plan_id", "feature_id"],
        unique=True,
        postgresql_where=sa.text("plan_id is not null"),
    )
    op.create_index(
        "uq_entitlements_subscription",
        "entitlements",
        ["subscription_id", "feature_id"],
        unique=True,
        postgresql_where=sa.text("subscription_id is not null"),
    )
    op.create_table(
        "entitlement_values",
        sa.Column("entitlement_id", sa.Uuid(), nullable=False),
        sa.Column("privilege_id", sa.Uuid(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entitlement_id"], ["entitlements.id"], name=op.f("fk_entitlement_values_entitlement_id")
        ),
        sa.ForeignKeyConstraint(["privilege_id"], ["privileges.id"], name=op.f("fk_entitlement_values_privilege_id")),
        sa.PrimaryKeyConstraint("entitlement_id", "privilege_id", name=op.f("pk_entitlement_values")),
    )
    op.create_index(op.f("ix_entitlement_values_privilege_id"), "entitlement_values", ["privilege_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_entitlement_values_privilege_id"), table_name="entitlement_values")
    op.drop_table("entitlement_values")
    op.drop_index(
        "uq_entitlements_subscription",
        table_name="entitlements",
        postgresql_where=sa.text("subscription_id is not null"),
    )
    op.drop_index("uq_entitlements_plan", table_name="entitlements", postgresql_where=sa.text("plan_id is not null"))
    op.drop_index("ix_entitlements_feature_id", table_name="entitlements")
    op.drop_table("entitlements")
    op.drop_index(
        "uq_entitlement_removals_privilege",
        table_name="entitlement_removals",
        postgresql_where=sa.text("privilege_id is not null"),
    )
    op.drop_index(
        "uq_entitlement_removals_feature",
        table_name="entitlement_removals",
        postgresql_where=sa.text("privilege_id is null"),
    )
    op.drop_index("ix_entitlement_removals_feature_id", table_name="entitlement_removals")
    op.drop_table("entitlement_removals")
    op.drop_table("privileges")
    op.drop_index("uq_features_code", table_name="features", postgresql_where=sa.text("deleted_at is null"))
    op.drop_index("ix_features_list", table_name="features", postgresql_where=sa.text("deleted_at is null"))
    op.drop_table("features")
