"""Charts beyond those of `car_models.evaluating.plots`: answers, two versions by picture, an exchange."""
