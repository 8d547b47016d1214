"""What a field needs (spec 07 §6.3). Every Query and Mutation field names exactly one of these."""

from __future__ import annotations

from typing import Any, ClassVar

from strawberry.permission import BasePermission
from strawberry.types import Info

from billwright.billing.access.permissions import PERMISSIONS, require_permission
from billwright.billing.kernel.errors import Unauthorized


class FieldPermission(BasePermission):
    """Base of all of them; ``names`` are alternatives, empty where no named permission is asked for."""

    names: ClassVar[tuple[str, ...]] = ()

    async def has_permission(self, source: Any, info: Info[Any, Any], **kwargs: Any) -> bool:
        raise NotImplementedError


class IsPublic(FieldPermission):
    """Nobody needs to be signed in. A request with a portal token is refused: it opens the portal and nothing else."""

    async def has_permission(self, source: Any, info: Info[Any, Any], **kwargs: Any) -> bool:
        if info.context.portal_token is not None:
            raise Unauthorized
        return True


class IsPortalCustomer(FieldPermission):
    """A customer with a portal link; no session opens it (spec 07 §5.4)."""

    async def has_permission(self, source: Any, info: Info[Any, Any], **kwargs: Any) -> bool:
        await info.context.visitor()
        return True


class IsSignedIn(FieldPermission):
    """A session; no organization is chosen."""

    async def has_permission(self, source: Any, info: Info[Any, Any], **kwargs: Any) -> bool:
        await info.context.signed_in()
        return True


class IsMember(FieldPermission):
    """An active member of the chosen organization, whatever the roles."""

    async def has_permission(self, source: Any, info: Info[Any, Any], **kwargs: Any) -> bool:
        await info.context.principal()
        return True


_made: dict[tuple[str, ...], type[FieldPermission]] = {}


def HasPermission(*names: str) -> type[FieldPermission]:
    """A member of the chosen organization whose roles grant any one of ``names`` (full names of spec 07 §3.3)."""
    unknown = [name for name in names if name not in PERMISSIONS]
    if unknown or not names:
        raise ValueError(f"no such permissions: {unknown}")
    if names not in _made:

        async def has_permission(self: Any, source: Any, info: Info[Any, Any], **kwargs: Any) -> bool:
            principal = await info.context.principal()
            require_permission(principal.permissions, *names)
            return True

        title = "".join(part.capitalize() for part in " or ".join(names).replace(":", " ").replace("_", " ").split())
        _made[names] = type(
            f"Has{title}",
            (FieldPermission,),
            {"names": names, "has_permission": has_permission, "__doc__": f"Any of {', '.join(names)}."},
        )
    return _made[names]
