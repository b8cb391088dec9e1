"""Serving settings that change while a model is served: device, requests in parallel, shape. Pure.

The server recompiles every served version and has no way back of its own when that fails (measured on OVMS
2026.2.1), and an unknown plugin key would make it drop other models, too. So new settings are first tried in
preflight, then rolled out for one model at a time, watched, and taken back when the server cannot use them.
"""

from collections.abc import Iterator, Mapping

from edge_common.served_state import VersionState

from model_sync.planning.actions import Action, CheckSettings, EndRollout, StartRollout
from model_sync.planning.model_snapshot import ModelSnapshot
from model_sync.planning.state import State

_NOTICED_AFTER = 5.0
"""Seconds; before that AVAILABLE may still speak of the old settings, the server looks once a second."""

_TAKEN_BACK = "the model server could not use the card's new serving settings; the earlier ones are back"


def rollouts_since(state: State, now: float, before: Mapping[str, float]) -> Mapping[str, float]:
    """Model -> since when its rollout is seen; `before` is the same of the last look, `now` monotonic."""
    running = [name for name, model in state.models.items() if model.before_rollout is not None]
    return {name: before.get(name, now) for name in running}


def end_rollout(model: ModelSnapshot) -> Iterator[Action]:
    """The end of a rollout that has shown what it had to; nothing while none runs or it has not."""
    if model.state.before_rollout is None or model.served is None:
        return
    states = {model.served.get(local_version) for local_version in model.state.configured}
    if VersionState.FAILED in states or model.rollout_for > model.rules.activation_timeout:
        yield EndRollout(_TAKEN_BACK)
    elif states <= {VersionState.AVAILABLE} and model.rollout_for >= _NOTICED_AFTER:
        yield EndRollout(None)


def begin_rollout(model: ModelSnapshot) -> Iterator[Action]:
    """The next step towards the settings that the card asks for, for a model that is served as targeted."""
    state = model.state
    if state.before_rollout is not None or not state.configured or model.settings == state.settings:
        return
    if state.rejected_settings is not None and state.rejected_settings.settings == model.settings:
        return
    if model.checked_settings == model.settings:
        yield StartRollout(model.settings)
    elif not model.checking_settings:
        yield CheckSettings(max(state.configured), model.settings)


def settings_note(model: ModelSnapshot) -> str:
    """What a served version's status says about its settings; empty when they are as the card asks."""
    if model.state.before_rollout is not None:
        return "new serving settings are being tried"
    rejected = model.state.rejected_settings
    if rejected is not None and rejected.settings == model.settings:
        return rejected.reason
    return model.edit_rejection or ""
