"""From ImageNet's 1000 classes to road vehicles: which classes count, and the head that sums the rest.

The probabilities are those of the whole 1000-class softmax, so "not a vehicle" is what the network gives to
all other classes together, not a guess.
"""

from typing import Final

import numpy as np

from car_models.importing.checkpoints.architectures import CLASSES
from car_models.importing.checkpoints.onnx_graph import GraphBuilder

ROAD_VEHICLES: Final = {
    407: "ambulance",
    436: "beach wagon",
    468: "cab",
    511: "convertible",
    555: "fire engine",
    569: "garbage truck",
    573: "go-kart",
    575: "golfcart",
    609: "jeep",
    627: "limousine",
    654: "minibus",
    656: "minivan",
    661: "Model T",
    665: "moped",
    670: "motor scooter",
    675: "moving van",
    717: "pickup",
    734: "police van",
    751: "racer",
    757: "recreational vehicle",
    779: "school bus",
    803: "snowplow",
    817: "sports car",
    829: "streetcar",
    864: "tow truck",
    866: "tractor",
    867: "trailer truck",
    874: "trolleybus",
}
"""Index in the ILSVRC-2012 order -> first name of the synset; every class of motor vehicles on roads."""

NOT_A_VEHICLE: Final = "not a vehicle"
LABELS: Final = (*ROAD_VEHICLES.values(), NOT_A_VEHICLE)


def add_probabilities(graph: GraphBuilder, logits: str, *, name: str, temperature: float = 1.0) -> str:
    """Add the head from `logits` [N,1000] to probabilities [N,len(LABELS)] that sum to 1; returns `name`.

    A `temperature` below 1 sharpens: the logits are divided by it before the softmax.
    """
    if temperature != 1.0:
        by = graph.constant("temperature", np.float32(temperature))
        logits = graph.add("Div", logits, by, name="sharpened_logits")
    everything = graph.add("Softmax", logits, name="imagenet_probabilities", axis=1)
    vehicle_ids = np.array(list(ROAD_VEHICLES), np.int64)
    other_ids = np.setdiff1d(np.arange(CLASSES, dtype=np.int64), vehicle_ids)
    vehicles = graph.add(
        "Gather", everything, graph.constant("vehicle_ids", vehicle_ids), name="vehicles", axis=1
    )
    others = graph.add("Gather", everything, graph.constant("other_ids", other_ids), name="others", axis=1)
    axes = graph.constant("class_axis", np.array([1], np.int64))
    rest = graph.add("ReduceSum", others, axes, name="not_a_vehicle", keepdims=1)
    return graph.add("Concat", vehicles, rest, name=name, axis=1)
