"""Twenty conversations over all services, held without Rasa; `test_service` holds them with everything running."""

from typing import Any

import pytest
from people import Service
from talk import Staff, hold, transcripts

# What rests on the law, or on Rasa's ear, is held with everything running.
PLAIN = [each for each in transcripts() if not each.get("needs_law") and not each.get("needs_rasa")]


@pytest.mark.parametrize("transcript", PLAIN, ids=lambda each: each["name"])
def test_a_conversation_without_rasa_ends_where_the_citizen_wanted(
    service: Service, transcript: dict[str, Any]
) -> None:
    lawyers = [service.a_lawyer() for _ in range(transcript.get("lawyers", 0))]
    citizen = service.a_citizen(transcript["region"])
    hold(transcript, citizen, Staff(service.client, service.database), lawyers, plain=True)
