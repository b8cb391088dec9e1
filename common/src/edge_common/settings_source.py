"""Where settings come from: flags, environment variables, files that hold a secret, a YAML file.

Precedence, highest first: a flag, `PREFIX_NAME`, the content of the file named by `PREFIX_NAME_FILE`, the
YAML file, the default. Names nobody knows are errors: a misspelt setting that is silently ignored is found
months later. Our own code rather than pydantic-settings, whose import takes 170 ms of every start.
"""

import difflib
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError

from edge_common.errors import FatalError

_CONFIG_FILE = "CONFIG_FILE"
_FILE_SUFFIX = "_FILE"
_PASSWORD_IN_ADDRESS = re.compile(r"//[^/@\s]+@")

SettingsT = TypeVar("SettingsT", bound=BaseModel)


def load_settings(
    kind: type[SettingsT],
    *,
    prefix: str,
    environ: Mapping[str, str],
    file: Path,
    overrides: Mapping[str, Any] | None = None,
    reserved: Collection[str] = (),
) -> SettingsT:
    """Settings of the model `kind`, whose lower-case field names they are, from all sources.

    `prefix` is that of the variables in `environ`, such as `MODEL_SYNC_`; `reserved` ones, without it, are no
    settings. The YAML `file` has the same names in lower or upper case and may be absent;
    `PREFIX_CONFIG_FILE` names another one, which may not. `overrides`, the flags by field name, come before
    all; None means "not given". Raises FatalError that names the setting, for an unknown name, an unreadable
    file, or a value that does not fit.
    """
    names = set(kind.model_fields)
    flags = {name: value for name, value in (overrides or {}).items() if value is not None}
    named = environ.get(prefix + _CONFIG_FILE)
    values = _from_yaml(Path(named) if named else file, names, required=bool(named))
    values |= _from_environment(prefix, environ, names, {*reserved, _CONFIG_FILE})
    values |= flags
    for name, field in kind.model_fields.items():
        if field.annotation is SecretStr and not str(values.get(name, "")).isprintable():
            raise FatalError(
                f"{prefix}{name.upper()} holds a line break or an invisible character; write it in one line, "
                "as it was given out"
            )
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        message = str(first["msg"]).removeprefix("Value error, ")
        if not first["loc"]:
            raise FatalError(f"the settings do not fit together: {message}") from error
        name = str(first["loc"][0])
        where = f"{prefix}{name.upper()}" + (", given by a flag," if name in flags else "")
        told_already = first["type"] == "value_error"  # by our own validators, in whole sentences
        if not told_already and kind.model_fields[name].annotation is not SecretStr:
            where += f" cannot be {values.get(name)!r}"
        raise FatalError(f"{where}: {message}") from error


def redacted(settings: BaseModel) -> dict[str, Any]:
    """The effective settings for a log line.

    Secrets show only whether they are set, and addresses no user and password.
    """
    shown: dict[str, Any] = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            shown[name] = "set" if value.get_secret_value() else "not set"
        else:
            plain = isinstance(value, int | float | bool | type(None))
            text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            shown[name] = value if plain else _PASSWORD_IN_ADDRESS.sub("//***@", text)
    return shown


def _from_environment(
    prefix: str, environ: Mapping[str, str], names: Collection[str], reserved: Collection[str]
) -> dict[str, Any]:
    direct: dict[str, Any] = {}
    from_files: dict[str, Any] = {}
    for variable, value in environ.items():
        if not variable.startswith(prefix):
            continue
        name = variable.removeprefix(prefix)
        if name in reserved:
            continue
        if name.lower() in names:
            direct[name.lower()] = _bare(variable, value)
        elif name.endswith(_FILE_SUFFIX) and name.removesuffix(_FILE_SUFFIX).lower() in names:
            from_files[name.removesuffix(_FILE_SUFFIX).lower()] = _content(variable, Path(value))
        else:
            raise FatalError(f"unknown setting {variable}{_suggestion(name.lower(), names, prefix)}")
    return from_files | direct


def _bare(variable: str, value: str) -> str:
    """`value` without the blanks and line ends around it, which editors and Secrets leave there."""
    text = value.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        raise FatalError(
            f"the value of {variable} is in quotes, which no shell has taken away; leave them out"
        )
    return text


def _content(variable: str, path: Path) -> str:
    try:
        content = _bare(variable, path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise FatalError(f"{variable} names {path}, which cannot be read: {error}") from error
    if not content:
        raise FatalError(
            f"{variable} names {path}, which is empty; write the value into it, or unset {variable}"
        )
    return content


def _from_yaml(file: Path, names: Collection[str], *, required: bool) -> dict[str, Any]:
    if not required and not file.exists():
        return {}
    # imported here because most starts find no such file
    from edge_common.plain_yaml import PlainYamlError, parse_plain_yaml  # noqa: PLC0415

    try:
        data = parse_plain_yaml(file.read_bytes())
    except OSError as error:
        raise FatalError(f"the settings file {file} cannot be read: {error}") from error
    except PlainYamlError as error:
        raise FatalError(f"the settings file {file} {error}") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise FatalError(f"the settings file {file} must hold 'name: value' lines")
    values = {}
    for key, value in data.items():
        name = str(key).lower()
        if name not in names:
            raise FatalError(f"unknown setting {key!r} in {file}{_suggestion(name, names, '')}")
        values[name] = value
    return values


def _suggestion(name: str, names: Collection[str], prefix: str) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"; did you mean {prefix}{close[0].upper() if prefix else close[0]}?"
    return "; remove it, or see the README for the names"
