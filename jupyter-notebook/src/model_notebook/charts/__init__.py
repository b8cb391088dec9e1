"""Charts of a notebook beyond those of `car_models.plots`: answers, two versions by picture, an exchange."""
