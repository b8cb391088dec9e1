"""The two sample models, made from published ImageNet weights, and the pictures to show them with."""
