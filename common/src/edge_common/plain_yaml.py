"""YAML that is as large as it looks: with aliases and merge keys 600 bytes can stand for gigabytes."""

import re
import reprlib
from typing import Any

import yaml

_UNCAUGHT = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What PyYAML's constructors let through for `2024-99-99`, `!!int x`, `!!bool x` and their like."""


class PlainYamlError(ValueError):
    """The text is no plain YAML; the message continues "the file ..." and ends in what to do."""


_HALF = re.compile(r"[\ud800-\udfff]")
_OCTAL = re.compile(r"[-+]?0[0-9]+")


def parse_plain_yaml(content: bytes) -> Any:
    """What `content` holds; raises PlainYamlError for what is not YAML, and for aliases and merge keys."""
    try:
        return yaml.load(content.decode("utf-8"), _PlainLoader)  # noqa: S506 - a safe loader with less in it
    except (yaml.YAMLError, *_UNCAUGHT) as error:
        if isinstance(error, PlainYamlError):
            raise
        mark = getattr(error, "problem_mark", None)
        at = f" in line {mark.line + 1}" if mark is not None else ""
        raise PlainYamlError(f"is not valid YAML{at}; correct it") from error


class _PlainLoader(yaml.SafeLoader):
    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise _stands_for_more("an alias", self.get_mark())
        return super().compose_node(parent, index)

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        text = super().construct_scalar(node)
        if isinstance(text, str) and _HALF.search(text):
            raise PlainYamlError(f"has half a character in line {node.start_mark.line + 1}; write it whole")
        return text

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        number: int = super().construct_yaml_int(node)
        if _OCTAL.fullmatch(node.value) and number != int(node.value):
            raise PlainYamlError(
                f"has {node.value[:80]} in line {node.start_mark.line + 1}, which YAML reads as {number}; "
                "write it without the zero in front"
            )
        return number

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        seen = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise _stands_for_more("a merge key", key.start_mark)
            if not isinstance(key, yaml.ScalarNode):
                continue
            if (key.tag, key.value) in seen:  # YAML would let the last one win, and say nothing
                shown, line = reprlib.repr(key.value), key.start_mark.line + 1
                raise PlainYamlError(f"has {shown} twice, again in line {line}; put both into one")
            seen.add((key.tag, key.value))


def _stands_for_more(what: str, mark: yaml.Mark) -> PlainYamlError:
    return PlainYamlError(f"has {what} in line {mark.line + 1}; write out what it stands for")


_PlainLoader.add_constructor("tag:yaml.org,2002:int", _PlainLoader.construct_yaml_int)
