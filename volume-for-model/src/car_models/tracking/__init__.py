"""MLflow as the source of truth: runs with what was measured, registered versions, and their promotion.

Needs the extra `mlflow`; nothing else of `car_models` imports MLflow.
"""
