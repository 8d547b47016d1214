"""Every announcement in the source can be prepared, and has a type that endpoints know (spec 06 §16.7)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import billwright
from billwright.billing.background.registration import register_all
from billwright.billing.notifications.event_types import EVENT_TYPES
from billwright.billing.notifications.payloads import object_types

ROOT = Path(billwright.__file__).parent


def announcements() -> Iterator[tuple[str, ast.Call]]:
    """Calls of ``emit`` with the place where they stand."""
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "emit":
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def texts(node: ast.expr) -> set[str]:
    """The text constants that an expression may give; names of a module's constants give none."""
    return {item.value for item in ast.walk(node) if isinstance(item, ast.Constant) and isinstance(item.value, str)}


def test_there_are_announcements() -> None:
    assert len(list(announcements())) > 20


def test_types_are_known() -> None:
    for place, call in announcements():
        unknown = {text for text in texts(call.args[1]) if "." in text} - set(EVENT_TYPES)
        assert not unknown, f"{place}: {unknown}"


def test_objects_have_a_form() -> None:
    """Keys without a builder (``payload_of``) carry the whole object as details."""
    register_all()
    for place, call in announcements():
        keys = texts(call.args[2])
        carried = len(call.args) > 4 or any(keyword.arg == "details" for keyword in call.keywords)
        assert keys <= object_types() or carried, f"{place}: {keys - object_types()} cannot be shown"
