"""How the fields of an object are resolved: like Strawberry and graphql-core do it, with fewer steps in between.

A page of a list asks for some thousand fields, and nearly all of them are attributes of a record or a plain function of
it. Those are read at once, without arguments, path and resolve info; the others lose only the layers that nothing here
uses (arguments of fields without any, extensions of fields without any). Whatever goes wrong on the short way is done
again on the long one, which words the error.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from operator import attrgetter
from typing import Any, cast

from graphql import (
    GraphQLField,
    GraphQLLeafType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    Undefined,
    is_leaf_type,
)
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types import Info
from strawberry.types.field import StrawberryField

Read = Callable[[Any], Any]
Plain = tuple[Read, Callable[[Any], Any], bool]
"""How a field's value is read from the record, how it is written, and whether it may be null."""
PLAIN = "billwright-plain"
"""Extension of an object type: its plain fields by name."""


class Executor(StrawberryGraphQLCoreExecutionContext):
    """Executes operations of a schema that ``shorten`` has seen."""

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: Any,
        position_context: Any,
    ) -> Any:
        plain: Mapping[str, Plain] = parent_type.extensions.get(PLAIN) or {}
        if not plain:
            return super().execute_fields(parent_type, source_value, path, grouped_field_set, position_context)
        done: dict[str, Any] = {}
        rest: dict[str, Any] = {}
        for response_name, details in grouped_field_set.items():
            known = plain.get(details[0].node.name.value)
            written = _written(known, source_value) if known is not None else Undefined
            done[response_name] = written
            if written is Undefined:
                rest[response_name] = details
        if not rest:
            return done
        others = super().execute_fields(parent_type, source_value, path, rest, position_context)
        return _awaited(done, others) if isinstance(others, Awaitable) else _merged(done, others)

    async def complete_awaitable_value(
        self,
        return_type: Any,
        field_details_list: Any,
        info: GraphQLResolveInfo,
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        try:
            completed = self.complete_value(return_type, field_details_list, info, path, await result, position_context)
            return await completed if self.is_awaitable(completed) else completed
        except Exception as failure:
            self.handle_field_error(failure, return_type, field_details_list, path)


def _written(known: Plain, record: Any) -> Any:
    """The plain field as the answer has it; ``Undefined`` where the long way has to say what is wrong."""
    read, write, nullable = known
    try:
        value = read(record)
        if value is None:
            return None if nullable else Undefined
        written = write(value)
    except Exception:
        return Undefined
    return Undefined if written is None else written


def _merged(done: dict[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """``others`` in their places; a field that the schema does not know has none."""
    done.update(others)
    return {name: value for name, value in done.items() if value is not Undefined}


async def _awaited(done: dict[str, Any], others: Awaitable[Mapping[str, Any]]) -> dict[str, Any]:
    return _merged(done, await others)


def shorten(schema: GraphQLSchema) -> None:
    """Note the plain fields of each object type, and shorten the resolvers that need nothing but record and info."""
    for kind in schema.type_map.values():
        if not isinstance(kind, GraphQLObjectType) or kind in (schema.query_type, schema.mutation_type):
            continue
        plain: dict[str, Plain] = {"__typename": _type_name(kind.name)}
        for name, field in kind.fields.items():
            definition = field.extensions.get("strawberry-definition")
            if not isinstance(definition, StrawberryField) or definition.extensions or field.args:
                continue
            read = _reader(definition)
            if read is not None and (known := _plain(field, read)):
                plain[name] = known
            elif short := _resolver(definition, read):
                field.resolve = short
        kind.extensions[PLAIN] = plain


def _type_name(name: str) -> Plain:
    return (lambda _: name, str, False)


def _plain(field: GraphQLField, read: Read) -> Plain | None:
    needed = isinstance(field.type, GraphQLNonNull)
    inner = cast("GraphQLNonNull[Any]", field.type).of_type if needed else field.type
    return (read, cast(GraphQLLeafType, inner).coerce_output_value, not needed) if is_leaf_type(inner) else None


def _reader(definition: StrawberryField) -> Read | None:
    """How the value is read from the record alone; ``None`` when the resolver waits for something or asks for more."""
    resolver = definition.base_resolver
    if resolver is None:
        return attrgetter(definition.python_name)
    if resolver.is_async or resolver.info_parameter or not callable(resolver.wrapped_func):
        return None
    call: Any = resolver.wrapped_func
    record = resolver.parent_parameter or resolver.root_parameter
    if record is None:
        return call if resolver.self_parameter else None
    name = record.name
    if resolver.self_parameter:
        return lambda source: call(source, **{name: source})
    return lambda source: call(**{name: source})


def _resolver(definition: StrawberryField, read: Read | None) -> Callable[..., Any] | None:
    """The field's resolver as graphql-core calls it."""
    if read is not None:
        return lambda source, _info: read(source)
    resolver = definition.base_resolver
    if resolver is None or not callable(resolver.wrapped_func) or not resolver.info_parameter:
        return None
    call: Any = resolver.wrapped_func
    info_name = resolver.info_parameter.name
    record = resolver.parent_parameter or resolver.root_parameter
    if record is None or not resolver.self_parameter:
        return None
    name = record.name
    return lambda source, info: call(source, **{name: source, info_name: Info(info, definition)})
