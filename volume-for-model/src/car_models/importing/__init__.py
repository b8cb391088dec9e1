"""From a file that somebody has to a version of a model that the platform serves.

sources            ONNX, IR, TensorFlow, Paddle and checkpoint files -> a network in memory
checkpoints/       EfficientNet weights of other programs -> ONNX
presets            preprocessing that goes by a name
model_spec         what the person specifies about the model
classifier_ports   which tensor takes the picture, which gives the scores
activation         what is still to apply to the scores
card_resolution    what the person, a card, a preset and the file say together -> the card
quantise           INT8, calibrated on pictures
importer           all of it -> the files of a version, checked as the sidecar would; or a card alone
"""
