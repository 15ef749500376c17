"""Whether a model is of the kind that an app is for."""

from __future__ import annotations

from tlzoo.cards.app import AppCard
from tlzoo.errors import TlzooError, UsageError

from .predictor import AppPredictor
from .values import About


def refuse_others(card: AppCard, predictor: AppPredictor) -> None:
    """Raises where a model is known not to be one that the app is for; a server that is down may be one.

    Raises:
        UsageError: It takes texts and the app is for pictures, or the like.
    """
    try:
        described(card, predictor)
    except UsageError:
        raise
    except TlzooError:  # the page tells it, until the server is there
        return


def described(card: AppCard, predictor: AppPredictor) -> About:
    """Returns what is known of a model that the app is for.

    Raises:
        UsageError: It is none.
        ServerError: Its server does not answer.
    """
    about = predictor.describe()
    if card.modality not in ("any", about.modality):
        raise UsageError(
            f"'{about.title}' is a model of {about.modality}s.",
            allowed=f"models of {card.modality}s.",
            do=f"Start '{card.name}' on another.",
        )
    if about.task == "regression":
        raise UsageError(f"'{about.title}' answers with numbers.", allowed="models that tell classes apart.")
    return about
