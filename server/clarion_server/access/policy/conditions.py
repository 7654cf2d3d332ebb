"""Conditions of statements: operators, keys, values.

A condition `{"StringLike": {"aws:username": ["a*", "b*"]}}` holds when the request's value matches any of the policy's
(with `Not` in the operator's name: none of them). A key that is absent matches nothing: then the condition does not
hold, or with `Not` it does. `...IfExists` also holds when the key is absent. `ForAllValues:` and `ForAnyValue:` ask
all, or any, of the values of a key that has several; with no value at all the first holds and the second does not.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from clarion_server.access.policy import values
from clarion_server.access.policy.keys import Key, ValueType, find_key
from clarion_server.access.policy.values import Test, ValueInvalid
from clarion_server.access_model import AccessRequest

__all__ = ["OPERATORS", "Condition", "Operator", "OperatorInvalid", "Qualifier", "ValueInvalid", "read_condition"]


class OperatorInvalid(ValueError):
    """There is no such operator, or it cannot be used in this way. The text says what would be right."""


class Qualifier(enum.Enum):
    """How an operator treats a key with several values."""

    NONE = ""
    ALL = "ForAllValues:"
    ANY = "ForAnyValue:"


@dataclass(frozen=True, slots=True)
class Operator:
    """A comparison.

    Attributes:
        name: in AWS's spelling.
        type: of the values that it compares.
        make: makes the test of a value from the policy's values.
        negated: whether it holds when nothing matches.
        wildcards: whether `*` and `?` are wildcards in the policy's values.
    """

    name: str
    type: ValueType
    make: Callable[[Sequence[str], values.Variables], Test]
    negated: bool = False
    wildcards: bool = False


def _pair(
    name: str,
    negated: str,
    value_type: ValueType,
    make: Callable[[Sequence[str], values.Variables], Test],
    *,
    wild: bool = False,
) -> tuple[Operator, Operator]:
    return (
        Operator(name, value_type, make, wildcards=wild),
        Operator(negated, value_type, make, negated=True, wildcards=wild),
    )


_ALL = (
    *_pair("StringEquals", "StringNotEquals", ValueType.STRING, values.equal_strings),
    *_pair(
        "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", ValueType.STRING, values.equal_ignoring_case, wild=False
    ),
    *_pair("StringLike", "StringNotLike", ValueType.STRING, values.like_strings, wild=True),
    *_pair("NumericEquals", "NumericNotEquals", ValueType.NUMERIC, values.numbers(values.EQUAL)),
    Operator("NumericLessThan", ValueType.NUMERIC, values.numbers(values.LESS)),
    Operator("NumericLessThanEquals", ValueType.NUMERIC, values.numbers(values.LESS_EQUAL)),
    Operator("NumericGreaterThan", ValueType.NUMERIC, values.numbers(values.GREATER)),
    Operator("NumericGreaterThanEquals", ValueType.NUMERIC, values.numbers(values.GREATER_EQUAL)),
    *_pair("DateEquals", "DateNotEquals", ValueType.DATE, values.dates(values.EQUAL)),
    Operator("DateLessThan", ValueType.DATE, values.dates(values.LESS)),
    Operator("DateLessThanEquals", ValueType.DATE, values.dates(values.LESS_EQUAL)),
    Operator("DateGreaterThan", ValueType.DATE, values.dates(values.GREATER)),
    Operator("DateGreaterThanEquals", ValueType.DATE, values.dates(values.GREATER_EQUAL)),
    Operator("Bool", ValueType.BOOL, values.booleans),
    Operator("BinaryEquals", ValueType.BINARY, values.binaries),
    *_pair("IpAddress", "NotIpAddress", ValueType.IP_ADDRESS, values.addresses),
    *_pair("ArnEquals", "ArnNotEquals", ValueType.ARN, values.arns, wild=True),
    *_pair("ArnLike", "ArnNotLike", ValueType.ARN, values.arns, wild=True),
)
OPERATORS = {operator.name: operator for operator in _ALL}
"""All but `Null`, by name."""

_NULL = "Null"
_IF_EXISTS = "IfExists"


@dataclass(frozen=True, slots=True)
class Condition:
    """One key under one operator.

    Attributes:
        operator: None for `Null`.
        qualifier: how several values are treated.
        if_exists: whether it holds when the key is absent.
        name: of the key, as in the document.
        key: the key; None if this server has none of this name, so that it is always absent.
        texts: the policy's values.
        test: whether one value of the request matches; for `Null` it is not asked.
        wants_absent: for `Null`, whether the key must be absent; None if the values say both, so that it always holds.
    """

    operator: Operator | None
    qualifier: Qualifier
    if_exists: bool
    name: str
    key: Key | None
    texts: tuple[str, ...]
    test: Test
    wants_absent: bool | None = None

    @property
    def operator_name(self) -> str:
        """The operator as in the document."""
        name = _NULL if self.operator is None else self.operator.name
        return f"{self.qualifier.value}{name}{_IF_EXISTS if self.if_exists else ''}"

    def holds(self, request: AccessRequest) -> bool:
        """Tell whether the condition holds for the request."""
        operator, qualifier, key = self.operator, self.qualifier, self.key
        if qualifier is Qualifier.NONE and operator is not None and key is not None and key.get is not None:
            # By far the most frequent, and therefore apart.
            value = key.get(request)
            if value is not None:
                return self.test(value, request) is not operator.negated
            return self.if_exists or operator.negated
        found = self._values(request)
        if operator is None:
            return self.wants_absent is None or self.wants_absent is (found is None)
        negated = operator.negated
        if found is None:
            if self.if_exists or qualifier is Qualifier.ALL:
                return True
            return negated and qualifier is Qualifier.NONE
        if qualifier is Qualifier.ALL:
            return all(self.test(value, request) is not negated for value in found)
        return any(self.test(value, request) is not negated for value in found)

    def is_absent(self, request: AccessRequest) -> bool:
        """Tell whether the request does not have the key."""
        return self._values(request) is None

    def _values(self, request: AccessRequest) -> Sequence[str] | None:
        key = self.key
        if key is None:
            return None
        if key.get is not None:
            value = key.get(request)
            return None if value is None else (value,)
        return key.get_many(request) if key.get_many is not None else None


def read_operator(name: str) -> tuple[Operator | None, Qualifier, bool]:
    """Read an operator's name: the operator (None for `Null`), its qualifier, whether it ends in `IfExists`.

    Raises:
        OperatorInvalid: there is no such operator.
    """
    qualifier = next((each for each in (Qualifier.ALL, Qualifier.ANY) if name.startswith(each.value)), Qualifier.NONE)
    base = name.removeprefix(qualifier.value)
    if base == _NULL:
        if qualifier is not Qualifier.NONE:
            raise OperatorInvalid("`Null` takes no ForAllValues or ForAnyValue; write `Null`")
        return None, qualifier, False
    if_exists = base.endswith(_IF_EXISTS)
    base = base.removesuffix(_IF_EXISTS)
    if base == _NULL:
        raise OperatorInvalid("`Null` takes no IfExists; write `Null`")
    operator = OPERATORS.get(base)
    if operator is None:
        likely = next((each for each in OPERATORS if each.lower() == base.lower()), None)
        hint = f"write `{likely}`" if likely else f"use one of {', '.join(OPERATORS)}, Null"
        raise OperatorInvalid(hint)
    return operator, qualifier, if_exists


def read_condition(operator_name: str, key_name: str, texts: Sequence[str], variables: values.Variables) -> Condition:
    """Make the condition of one key under one operator.

    Args:
        operator_name: as in the document.
        key_name: as in the document.
        texts: the policy's values, at least one.
        variables: finds the getters of policy variables; None if the policy's version has none.

    Raises:
        OperatorInvalid: there is no such operator, or the key has several values and it says nothing about them.
        ValueInvalid: the operator cannot compare with one of the values.
        VariableInvalid: a variable in a value is malformed.
    """
    operator, qualifier, if_exists = read_operator(operator_name)
    key = find_key(key_name)
    if operator is None:
        wanted = values.read_booleans(texts)
        absent = None if len(wanted) > 1 else True in wanted
        return Condition(None, qualifier, if_exists, key_name, key, tuple(texts), values.never, absent)
    if key is not None and key.get_many is not None and qualifier is Qualifier.NONE:
        raise MissingQualifier(f"write `ForAnyValue:{operator_name}` or `ForAllValues:{operator_name}`")
    test = operator.make(texts, variables)
    return Condition(operator, qualifier, if_exists, key_name, key, tuple(texts), test)


class MissingQualifier(OperatorInvalid):
    """The key has several values, and the operator does not say whether all or any are asked."""
