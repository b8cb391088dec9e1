"""Serving settings that change while a model is served: device, requests in parallel, shape. Pure.

The server recompiles every served version and has no way back of its own when that fails (measured on OVMS
2026.2.1), and an unknown plugin key would make it drop other models, too. So new settings are first tried in
preflight, then written for one model at a time, watched, and taken back when the server cannot use them.
"""

from collections.abc import Iterator

from edge_common.served_state import VersionState

from model_sync.planning.actions import Action, CheckSettings, EndTrial, TrySettings
from model_sync.planning.snapshot import ModelView

_NOTICED_AFTER = 5.0
"""Seconds; before that AVAILABLE may still speak of the old settings, the server looks once a second."""

_REFUSED = "the model server could not use the card's new serving settings; the earlier ones are back"


def end_of_trial(view: ModelView) -> Iterator[Action]:
    """The end of a trial that has shown what it had to; nothing while none runs or it has not."""
    if view.state.before_trial is None or view.served is None:
        return
    states = {view.served.get(local_version) for local_version in view.state.configured}
    if VersionState.FAILED in states or view.trial_for > view.rules.activation_timeout:
        yield EndTrial(_REFUSED)
    elif states <= {VersionState.AVAILABLE} and view.trial_for >= _NOTICED_AFTER:
        yield EndTrial(None)


def begin_of_trial(view: ModelView) -> Iterator[Action]:
    """The next step towards the settings that the card asks for, for a model that is served as wished."""
    state = view.state
    if state.before_trial is not None or not state.configured or view.settings == state.settings:
        return
    if state.refused is not None and state.refused.settings == view.settings:
        return
    if view.approved_settings == view.settings:
        yield TrySettings(view.settings)
    elif not view.checking_settings:
        yield CheckSettings(max(state.configured), view.settings)


def settings_note(view: ModelView) -> str:
    """What a served version's status says about its settings; empty when they are as the card asks."""
    if view.state.before_trial is not None:
        return "new serving settings are being tried"
    refused = view.state.refused
    if refused is not None and refused.settings == view.settings:
        return refused.reason
    return ""
