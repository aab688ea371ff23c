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
from rasa.shared.nlu.training_data.message import Message


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class TunedLogisticRegression(LogisticRegressionClassifier):
    """Options beyond Rasa's: `class_weight` ("balanced" or null), `C` (inverse strength of regularisation), and `suffices`: intents
    that are taken from a probability on, though another is likelier, for it is worse to miss them than to be wrong.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {**LogisticRegressionClassifier.get_default_config(), "class_weight": None, "C": 1.0, "suffices": {}}

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

    def process(self, messages: list[Message]) -> list[Message]:
        super().process(messages)
        suffices: dict[str, float] = self.config["suffices"]
        for message in messages:
            first, *others = message.get("intent_ranking")
            enough = [each for each in others if each["confidence"] >= suffices.get(each["name"], 2)]
            if enough and first["name"] not in suffices:
                # As sure as the likeliest was: the fallback asks whether anything was understood at all.
                chosen = {"name": enough[0]["name"], "confidence": first["confidence"]}
                message.set("intent", chosen, add_to_output=True)
                message.set("intent_ranking", [chosen, first, *others], add_to_output=True)
        return messages
