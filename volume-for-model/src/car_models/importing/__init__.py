"""From a file that somebody has to a version of a model that the platform serves.

sources        ONNX, IR, TensorFlow, Paddle and checkpoint files -> a network in memory
presets        preprocessing that goes by a name
wishes         what the person says about the model
knowledge      what the person, a card, a preset and the file say together -> the card
network_shape  which tensor takes the picture, which gives the scores
quantise       INT8, calibrated on pictures
importer       all of it -> the files of a version, tried as the sidecar would
"""
