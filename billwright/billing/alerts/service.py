"""Use cases of alerts (spec 07 §9.4): create, change and remove them, on a subscription or on a wallet."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from billwright.billing.access.context import Context
from billwright.billing.alerts import kinds
from billwright.billing.alerts.figures import wallet_figure
from billwright.billing.alerts.keeping import stored
from billwright.billing.alerts.models import Alert
from billwright.billing.alerts.queries import Watched, alerts_on, find_alert
from billwright.billing.alerts.schemas import AlertInput
from billwright.billing.alerts.thresholds import parse_thresholds
from billwright.billing.catalog.models import BillableMetric
from billwright.billing.catalog.queries import find_metric
from billwright.billing.kernel.errors import Problems, ValidationFailed
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.inputs import as_mapping
from billwright.billing.progressive.marks import mark_subscription
from billwright.billing.wallets.marks import mark_wallets

_CODE_TAKEN, _TYPE_TAKEN = "value_already_exist", "alert_already_exists"


async def create_alert(ctx: Context, watched: Watched, inp: AlertInput) -> Alert:
    """A new alert, evaluated at the next look at its figure, which follows at once.

    Raises ``ValidationFailed`` with the codes of spec 07 §9.4 and ``NotFound("billable_metric")``.
    """
    alert = await _made(ctx, watched, inp, await alerts_on(ctx, watched))
    await _store(ctx, watched, [alert])
    return alert


async def create_alerts(ctx: Context, watched: Watched, raw: Sequence[Any]) -> list[Alert]:
    """Several alerts, all or none: mistakes are keyed by the place in the list, as text. Raises the same; an empty list
    is ``alerts: no_alerts``."""
    if not raw:
        raise ValidationFailed(alerts="no_alerts")
    existing = await alerts_on(ctx, watched)
    made: list[Alert] = []
    details: dict[str, Any] = {}
    for index, item in enumerate(raw):
        try:
            inp = AlertInput.parse(as_mapping(item) or {})
            made.append(await _made(ctx, watched, inp, [*existing, *made]))
        except ValidationFailed as failure:
            details[str(index)] = failure.details
    if details:
        raise ValidationFailed(details)
    await _store(ctx, watched, made)
    return made


async def update_alert(ctx: Context, watched: Watched, code: str, inp: AlertInput) -> Alert:
    """Change what was sent; thresholds are replaced, the type stays. A figure that has passed a new threshold already
    does not cross it any more.

    Raises ``NotFound`` (``alert``, ``billable_metric``) and ``ValidationFailed`` as ``create_alert``.
    """
    metric = await _named_metric(ctx, inp)
    alert = await find_alert(ctx, watched, code, lock=True)
    problems = Problems()
    if inp.given("code"):
        alert_code = _code(inp, problems)
    else:
        alert_code = alert.code
    thresholds = None if inp.thresholds is None else parse_thresholds(inp.thresholds, problems)
    metric_id = alert.billable_metric_id if metric is None else metric.id
    if metric is not None and alert.alert_type not in kinds.OF_METRIC:
        problems.add("billable_metric_code", "value_is_invalid")
    others = [item for item in await alerts_on(ctx, watched) if item.id != alert.id]
    _check_taken(others, alert_code, alert.alert_type, metric_id, problems)
    problems.raise_if_any()
    alert.code = alert_code
    if inp.given("name"):
        alert.name = _name(inp)
    if thresholds is not None:
        alert.thresholds = stored(thresholds)
    if metric_id != alert.billable_metric_id:
        alert.billable_metric_id, alert.previous_value = metric_id, Decimal(0)
    alert.updated_at = ctx.now()
    await _store(ctx, watched, [alert])
    return alert


async def delete_alert(ctx: Context, watched: Watched, code: str) -> Alert:
    """Remove an alert; its code is free again. Raises ``NotFound("alert")``."""
    alert = await find_alert(ctx, watched, code, lock=True)
    alert.deleted_at = alert.updated_at = ctx.now()
    await ctx.session.flush()
    return alert


async def delete_alerts(ctx: Context, watched: Watched) -> None:
    """Remove all alerts of a subscription or wallet."""
    now = ctx.now()
    for alert in await alerts_on(ctx, watched, lock=True):
        alert.deleted_at = alert.updated_at = now
    await ctx.session.flush()


async def _made(ctx: Context, watched: Watched, inp: AlertInput, others: Sequence[Alert]) -> Alert:
    """A checked alert, not stored yet."""
    problems = Problems()
    alert_type = _type(watched, inp, problems)
    metric = await _metric(ctx, alert_type, inp, problems)
    code = _code(inp, problems)
    thresholds = parse_thresholds(inp.thresholds, problems)
    if alert_type is not None:
        _check_taken(others, code, alert_type, None if metric is None else metric.id, problems)
    problems.raise_if_any()
    assert alert_type is not None
    now = ctx.now()
    return Alert(
        id=new_id(),
        created_at=now,
        updated_at=now,
        organization_id=ctx.organization_id,
        billable_metric_id=None if metric is None else metric.id,
        alert_type=alert_type,
        code=code,
        name=_name(inp),
        thresholds=stored(thresholds),
        previous_value=Decimal(0) if watched.wallet is None else wallet_figure(watched.wallet, alert_type),
        **watched.columns,
    )


async def _store(ctx: Context, watched: Watched, alerts: Sequence[Alert]) -> None:
    """Write them, and have their figure looked at again."""
    try:
        async with ctx.session.begin_nested():
            ctx.session.add_all(alerts)
    except IntegrityError as failure:
        if "_code" in str(failure.orig):
            raise ValidationFailed(code=_CODE_TAKEN) from None
        raise ValidationFailed(base=_TYPE_TAKEN) from None
    if watched.external_subscription_id is not None:
        await mark_subscription(ctx, watched.external_subscription_id)
    if watched.wallet is not None:
        await mark_wallets(ctx, watched.wallet.customer_id)


def _type(watched: Watched, inp: AlertInput, problems: Problems) -> str | None:
    given = (inp.alert_type or "").strip()
    if not given:
        problems.add("alert_type", "value_is_mandatory")
    elif given not in kinds.TYPES[watched.kind]:
        problems.add("alert_type", "invalid_type")
    else:
        return given
    return None


def _code(inp: AlertInput, problems: Problems) -> str:
    code = inp.code or ""
    if not code.strip():
        problems.add("code", "value_is_mandatory")
    return code


def _name(inp: AlertInput) -> str | None:
    return (inp.name or "").strip() or None


async def _metric(ctx: Context, alert_type: str | None, inp: AlertInput, problems: Problems) -> BillableMetric | None:
    if alert_type in kinds.OF_METRIC and not inp.billable_metric_code:
        problems.add("billable_metric_code", "value_is_mandatory")
    elif alert_type is not None and alert_type not in kinds.OF_METRIC and inp.billable_metric_code:
        problems.add("billable_metric_code", "value_is_invalid")
    elif alert_type is not None:
        return await _named_metric(ctx, inp)
    return None


async def _named_metric(ctx: Context, inp: AlertInput) -> BillableMetric | None:
    """Locked, so that it is not deleted meanwhile."""
    return await find_metric(ctx, inp.billable_metric_code, lock=True) if inp.billable_metric_code else None


def _check_taken(
    others: Sequence[Alert], code: str, alert_type: str, metric_id: UUID | None, problems: Problems
) -> None:
    if any(item.code == code for item in others):
        problems.add("code", _CODE_TAKEN)
    if any((item.alert_type, item.billable_metric_id) == (alert_type, metric_id) for item in others):
        problems.add("base", _TYPE_TAKEN)
