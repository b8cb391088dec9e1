from car_client.models.facts import facts_assumed, facts_of_card
from edge_common.model_card import Layout, ModelCard


def card(**sections: object) -> ModelCard:
    return ModelCard.model_validate({"schema": 1, **sections})


def test_a_layout_that_the_card_does_not_say_is_left_to_the_shape() -> None:
    assert facts_of_card(card()).layout is None
    assert facts_of_card(card(input={"layout": "NCHW"})).layout is Layout.NCHW


def test_labels_that_stayed_in_a_file_are_warned_about() -> None:
    facts = facts_of_card(card(output={"labels": "labels.txt"}))
    assert facts.labels is None
    assert "labels are in 'labels.txt'" in facts.warnings[0]


def test_a_guess_for_whole_numbers_leaves_the_pixels_as_they_are() -> None:
    assert facts_assumed(whole_numbers=True).mean == (0.0, 0.0, 0.0)
    assert facts_assumed(whole_numbers=False).mean != (0.0, 0.0, 0.0)
