"""Rasa's logistic regression with its two fixed choices opened: the weight of the classes and the regularisation.

Rasa weighs all intents alike. Most messages are legal questions, so weighing them as one intent among twenty-five sends
too many to a neighbour (an alarm for "孩子在幼儿园烫伤了").
"""

from typing import Any

import numpy as np
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.logistic_regression_classifier import LogisticRegressionClassifier


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class TunedLogisticRegression(LogisticRegressionClassifier):
    """Options beyond Rasa's: `class_weight` ("balanced" or null) and `C` (inverse strength of regularisation)."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {**LogisticRegressionClassifier.get_default_config(), "class_weight": None, "C": 1.0}

    def __init__(self, config: dict[str, Any], name: str, model_storage: ModelStorage, resource: Resource) -> None:
        super().__init__(config, name, model_storage, resource)
        class_weight: str | None = self.config["class_weight"]
        self.clf.set_params(class_weight=class_weight, C=self.config["C"])

    @classmethod
    def load(cls, *args: Any, **kwargs: Any) -> "TunedLogisticRegression":
        """The trained classifier, its weights laid out as its product with a sparse row reads them: else scipy copies them
        all, megabytes, at every message.
        """
        classifier: TunedLogisticRegression = super().load(*args, **kwargs)
        if hasattr(classifier.clf, "coef_"):
            classifier.clf.coef_ = np.asfortranarray(classifier.clf.coef_)
        return classifier
