"""Properties of the effective set, and the reading of values (spec 07 §9.3)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.entitlements.effective import (
    Chosen,
    Own,
    Removals,
    effective,
    with_feature,
    without_feature,
    without_privilege,
)
from billwright.billing.entitlements.values import BadValue, as_text, typed

FEATURES = {"seats": ("max", "sso"), "api": ("rate", "level"), "support": ()}
Set = Own[str, str, str]
NOTHING: Set = Own({}, Removals(frozenset(), frozenset()))

values = st.sampled_from(["1", "2", "3"])


@st.composite
def named(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    """A feature with values of some of its privileges; a privilege belongs to one feature only."""
    feature = draw(st.sampled_from(sorted(FEATURES)))
    return feature, {name: draw(values) for name in FEATURES[feature] if draw(st.booleans())}


grants = st.lists(named()).map(dict)
actions = st.lists(
    st.one_of(
        st.tuples(st.just("send"), named()),
        st.tuples(st.just("drop"), st.sampled_from(sorted(FEATURES))),
        st.tuples(st.just("drop value"), st.sampled_from([("seats", "max"), ("seats", "sso"), ("api", "rate")])),
    ),
    max_size=6,
)


def done(plan: dict[str, dict[str, str]], own: Set, steps: list[Any]) -> Set:
    for action, what in steps:
        shown = effective(plan, own.grants, own.removed)
        if action == "send":
            own = with_feature(plan, own, *what)
        elif action == "drop" and what in shown:
            own = without_feature(plan, own, what, frozenset(FEATURES[what]))
        elif action == "drop value" and what[1] in shown.get(what[0], {}):
            own = without_privilege(plan, own, *what)
    return own


def plain(plan: dict[str, dict[str, str]], own: Set) -> dict[str, dict[str, str]]:
    shown = effective(plan, own.grants, own.removed)
    return {feature: {name: chosen.value for name, chosen in found.items()} for feature, found in shown.items()}


@given(grants)
def test_without_changes_it_is_the_plan_s(plan: dict[str, dict[str, str]]) -> None:
    assert plain(plan, NOTHING) == plan


@given(grants, actions, named())
def test_what_is_sent_is_there_and_the_rest_stays(
    plan: dict[str, dict[str, str]], steps: list[Any], sent: tuple[str, dict[str, str]]
) -> None:
    own = done(plan, NOTHING, steps)
    feature, given_values = sent
    before, after = plain(plan, own), plain(plan, with_feature(plan, own, feature, given_values))
    base = before.get(feature, {} if feature not in own.removed.features else plan[feature])
    assert after == {**before, feature: {**base, **given_values}}
    again = with_feature(plan, with_feature(plan, own, feature, given_values), feature, given_values)
    assert again == with_feature(plan, own, feature, given_values)


@given(grants, actions, st.sampled_from(sorted(FEATURES)))
def test_what_is_removed_is_gone_and_the_rest_stays(
    plan: dict[str, dict[str, str]], steps: list[Any], feature: str
) -> None:
    own = done(plan, NOTHING, steps)
    before = plain(plan, own)
    after = without_feature(plan, own, feature, frozenset(FEATURES[feature]))
    assert plain(plan, after) == {name: found for name, found in before.items() if name != feature}
    restored = with_feature(plan, after, feature, {})
    assert plain(plan, restored).get(feature) == plan.get(feature, {}), "restored as the plan grants it now"


@given(grants, actions)
def test_a_value_s_origin(plan: dict[str, dict[str, str]], steps: list[Any]) -> None:
    """The subscription's value counts; an override is never the plan's own value."""
    own = done(plan, NOTHING, steps)
    for feature, found in effective(plan, own.grants, own.removed).items():
        for name, chosen in found.items():
            assert chosen.value == (chosen.override_value or chosen.plan_value)
            assert chosen.plan_value in (None, plan.get(feature, {}).get(name))
            assert chosen.override_value != chosen.plan_value
    assert not set(own.grants) & own.removed.features


@given(grants, actions)
def test_sending_the_plan_s_own_set_leaves_only_additions(plan: dict[str, dict[str, str]], steps: list[Any]) -> None:
    own = done(plan, NOTHING, steps)
    for feature, given_values in plan.items():
        own = with_feature(plan, own, feature, given_values)
    shown = effective(plan, own.grants, own.removed)
    for feature, given_values in plan.items():
        assert {name: shown[feature][name] for name in given_values} == {
            name: Chosen(value, None) for name, value in given_values.items()
        }


@given(grants, grants, actions)
def test_untouched_features_follow_the_plan(
    plan: dict[str, dict[str, str]], later: dict[str, dict[str, str]], steps: list[Any]
) -> None:
    own = done(plan, NOTHING, steps)
    touched = {what if isinstance(what, str) else what[0] for _, what in steps}
    shown = plain(later, own)
    assert {name: found for name, found in shown.items() if name not in touched} == {
        name: found for name, found in later.items() if name not in touched
    }


@pytest.mark.parametrize(
    ("value_type", "sent", "answered"),
    [
        ("integer", 10, 10),
        ("integer", "10", 10),
        ("integer", " -3 ", -3),
        ("integer", Decimal("10.0"), 10),
        ("boolean", True, True),
        ("boolean", "false", False),
        ("boolean", "TRUE", True),
        ("string", "any", "any"),
        ("string", "10", "10"),
        ("string", "", ""),
        ("select", "okta", "okta"),
    ],
)
def test_values_are_read_and_answered_typed(value_type: str, sent: Any, answered: Any) -> None:
    found = typed(value_type, as_text(value_type, ["google", "okta"], sent))
    assert found == answered
    assert type(found) is type(answered)


@pytest.mark.parametrize(
    ("value_type", "sent", "code"),
    [
        ("integer", "ten", "value_is_invalid"),
        ("integer", True, "value_is_invalid"),
        ("integer", Decimal("1.5"), "value_is_invalid"),
        ("integer", "1.0", "value_is_invalid"),
        ("integer", 2**63, "value_is_invalid"),
        ("integer", None, "value_is_invalid"),
        ("boolean", 1, "value_is_invalid"),
        ("boolean", "yes", "value_is_invalid"),
        ("string", 10, "value_is_invalid"),
        ("string", True, "value_is_invalid"),
        ("string", "a\x00", "value_is_invalid"),
        ("select", "saml", "value_not_in_select_options"),
        ("select", 1, "value_is_invalid"),
    ],
)
def test_values_of_another_type_are_refused(value_type: str, sent: Any, code: str) -> None:
    with pytest.raises(BadValue) as refused:
        as_text(value_type, ["google", "okta"], sent)
    assert refused.value.code == code
