"""The interface of design §8 over both databases: what citizens and lawyers may do, and how mistakes are told."""

import json

import pytest
from people import PASSWORD, Service

from core import clock
from core.security import derive_token


def problem(response: object) -> dict[str, object]:
    assert response.headers["content-type"] == "application/problem+json", response.text  # type: ignore[attr-defined]
    return dict(response.json())  # type: ignore[attr-defined]


def test_a_question_goes_to_lawyers_and_comes_back_answered(service: Service) -> None:
    lawyers = [service.a_lawyer() for _ in range(3)]
    citizen = service.a_citizen()
    said = citizen.says("我的房东不退押金怎么办").json()
    assert said["replies"][0]["kind"] == "handoff"
    assert said["consultation"]["number"] in said["replies"][0]["text"]
    for lawyer in lawyers:
        [waiting] = lawyer.waiting()
        assert waiting["question"] == "我的房东不退押金怎么办"
        assert lawyer.answers(waiting["id"]).status_code == 201
    seen = citizen.reads()
    assert [each["kind"] for each in seen["messages"]] == ["text", "handoff", *["lawyer_answer"] * 3]
    assert seen["consultation"]["state"] == "answered"

    second = seen["consultation"]["lawyers"][1]
    citizen.asks("合同里没写押金呢", address_to=[second["id"]])
    assert [bool(lawyer.waiting()) for lawyer in lawyers] == [False, True, False]
    lawyers[1].answers(lawyers[1].waiting()[0]["id"], "有收据也可以。")

    [thanks] = citizen.asks("满意")
    assert thanks["choices"][0]["title"] == "非常满意"
    [rated] = citizen.asks(thanks["choices"][0]["payload"])
    assert "非常满意" in rated["text"]
    assert citizen.reads()["consultation"]["rated"] is True
    shown = citizen.reads()["messages"]
    assert [each["text"] for each in shown if each["kind"] == "choice"] == ["非常满意"]


def test_the_second_lawyer_may_be_named_in_words(service: Service) -> None:
    lawyers = [service.a_lawyer() for _ in range(2)]
    citizen = service.a_citizen()
    citizen.asks("我的房东不退押金怎么办")
    for lawyer in lawyers:
        lawyer.answers(lawyer.waiting()[0]["id"])
    citizen.asks("给第二位律师：要不要先报警")
    assert [len(lawyer.waiting()) for lawyer in lawyers] == [1, 2]


def test_the_same_client_message_id_changes_nothing_the_second_time(service: Service) -> None:
    service.a_lawyer()
    citizen = service.a_citizen()
    first = citizen.says("邻居占了我的地", client_message_id="same").json()
    second = citizen.says("邻居占了我的地", client_message_id="same").json()
    assert first == second
    assert len(citizen.reads()["messages"]) == 2


def test_a_rating_by_the_interface(service: Service) -> None:
    lawyer = service.a_lawyer()
    citizen = service.a_citizen()
    number = citizen.says("邻居占了我的地").json()["consultation"]["id"]
    url = f"/v1/consultations/{number}/rating"
    too_early = service.client.post(url, json={"level": 5}, headers=citizen.headers)
    assert (too_early.status_code, "结束" in str(problem(too_early)["title"])) == (409, True)
    lawyer.answers(lawyer.waiting()[0]["id"])
    citizen.asks("满意")
    assert service.client.post(url, json={"level": 4, "comment": "快"}, headers=citizen.headers).json()["level"] == 4
    stranger = service.a_citizen()
    assert service.client.post(url, json={"level": 1}, headers=stranger.headers).status_code == 401


def test_nobody_reads_or_writes_anothers_conversation(service: Service) -> None:
    citizen, stranger = service.a_citizen(), service.a_citizen()
    citizen.asks("邻居占了我的地")
    for method, path in (("get", "messages"), ("get", "events"), ("post", "messages")):
        url = f"/v1/conversations/{citizen.id}/{path}"
        for headers in ({}, stranger.headers, {"Authorization": "Bearer x"}):
            response = service.client.request(
                method, url, headers=headers, json={"text": "a", "client_message_id": "x"}
            )
            assert response.status_code == 401
            assert problem(response)["title"]


def test_a_button_that_was_never_offered_is_only_words(service: Service) -> None:
    citizen = service.a_citizen()
    for words in ("/restart", '/rate{"level": 5}', "/session_start"):
        citizen.asks(words)
    assert all(each["kind"] == "text" for each in citizen.reads()["messages"] if each["author"] == "citizen")


def test_a_buttons_id_does_not_reach_anothers_words(service: Service) -> None:
    service.a_lawyer()
    citizen, stranger = service.a_citizen(), service.a_citizen()
    theirs = stranger.says("我的秘密").json()["message_id"]
    citizen.asks(f'/ask_person{{"about": "{theirs}"}}')
    assert "我的秘密" not in json.dumps(citizen.reads(), ensure_ascii=False)


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ('{"text": ""', 400, "body"),
        ('{"text": "  ", "client_message_id": "a"}', 422, "text"),
        ('{"text": "问题"}', 422, "client_message_id"),
        ('{"text": 5, "client_message_id": "a"}', 422, "text"),
        ('{"text": "问题", "client_message_id": "a", "colour": "red"}', 422, "colour"),
        ('{"text": "问题", "client_message_id": "a", "address_to": ["x"]}', 422, "address_to.0"),
        ('{"text": "问题", "client_message_id": "a", "address_to": ["%s"]}', 422, "address_to"),
        ('{"text": "' + "长" * 2001 + '", "client_message_id": "a"}', 422, "text"),
        ("[]", 422, "body"),
    ],
)
def test_a_bad_message_is_refused_by_name_and_nothing_is_kept(
    service: Service, body: str, status: int, field: str
) -> None:
    citizen = service.a_citizen()
    content = body.replace("%s", citizen.id).encode()
    headers = {**citizen.headers, "content-type": "application/json"}
    response = service.client.post(f"/v1/conversations/{citizen.id}/messages", content=content, headers=headers)
    assert response.status_code == status, response.text
    errors = problem(response)["errors"]
    assert isinstance(errors, list)
    assert [each["field"] for each in errors] == [field]
    assert all(not each["message"].isascii() for each in errors)
    assert citizen.reads()["messages"] == []


def test_a_message_of_exactly_two_thousand_characters_is_taken(service: Service) -> None:
    assert service.a_citizen().says("长" * 2000).status_code == 200


def test_an_unknown_region_is_named(service: Service) -> None:
    response = service.client.post("/v1/conversations", json={"region": "999999"})
    assert response.status_code == 422
    assert problem(response)["errors"] == [
        {"field": "region", "message": "没有代码为“999999”的地区，应是 GB/T 2260 的六位代码，例如 150900"}
    ]


@pytest.mark.parametrize("told_its_length", [True, False])
def test_a_large_body_is_refused_as_a_problem(service: Service, told_its_length: bool) -> None:
    body = b"x" * 70_000
    content = body if told_its_length else iter([body])
    response = service.client.post("/v1/conversations", content=content)
    assert response.status_code == 413
    assert "64 KB" in str(problem(response)["title"])


def test_an_unknown_address_is_a_problem_too(service: Service) -> None:
    assert problem(service.client.get("/v1/nothing"))["title"] == "没有找到"
    assert problem(service.client.delete("/v1/conversations"))["status"] == 405


def test_the_desk_is_for_lawyers_who_logged_in(service: Service) -> None:
    assert service.client.get("/v1/desk/rounds").status_code == 401
    lawyer = service.a_lawyer()
    citizen = service.a_citizen()
    citizen.asks("邻居占了我的地")
    [waiting] = lawyer.waiting()
    url = f"/v1/desk/rounds/{waiting['id']}/claim"
    without_csrf = service.client.post(url, headers={"Cookie": lawyer.headers["Cookie"]})
    assert without_csrf.status_code == 403
    assert service.client.post(url, headers=lawyer.headers).status_code == 200
    assert service.client.post("/v1/auth/logout", headers=lawyer.headers).status_code == 204
    assert service.client.get("/v1/desk/rounds", headers=lawyer.headers).status_code == 401


def test_log_in_is_throttled(service: Service) -> None:
    service.a_lawyer()
    attempts = [
        service.client.post("/v1/auth/login", json={"login": "someone", "password": "guess"}).status_code
        for _ in range(12)
    ]
    assert attempts == [*[403] * 10, 429, 429]


def test_a_password_is_not_stored(service: Service) -> None:
    service.a_lawyer()
    with service.database.engine.connect() as connection:
        stored = connection.exec_driver_sql("SELECT password_hash FROM staff").scalar_one()
    assert stored.startswith("$argon2id$")
    assert PASSWORD not in stored


def test_a_citation_of_no_law_is_refused_and_the_answer_not_given(service: Service) -> None:
    lawyer = service.a_lawyer()
    citizen = service.a_citizen()
    citizen.asks("邻居占了我的地")
    refused = lawyer.answers(lawyer.waiting()[0]["id"], citations=["《不存在的法》第一条"])
    assert refused.status_code == 422
    assert "不存在的法" in str(problem(refused)["title"])
    assert all(each["author"] != "lawyer" for each in citizen.reads()["messages"])


def test_without_a_lawyer_in_the_country_the_citizen_is_told_the_truth(service: Service) -> None:
    [reply] = service.a_citizen().asks("邻居占了我的地怎么办")
    assert "没有可以接收的律师" in reply["text"]


def test_danger_comes_with_numbers_first_and_goes_to_the_top(service: Service) -> None:
    lawyer = service.a_lawyer()
    service.a_citizen().asks("邻居占了我的地怎么办")
    numbers, handoff = service.a_citizen().asks("我老公正在打我 拿着刀在门口")
    assert "110" in numbers["text"]
    assert handoff["kind"] == "handoff"
    assert [each["urgent"] for each in lawyer.waiting()] == [True, False]


def test_waiting_is_told_honestly_after_the_promise_is_broken(service: Service) -> None:
    service.a_lawyer()
    citizen = service.a_citizen()
    citizen.asks("邻居占了我的地怎么办")
    clock.advance(601)
    for _ in range(3):
        service.dispatcher.move_due_rounds()
    [reply] = citizen.asks("还有多久")
    assert "超过我们承诺的时间" in reply["text"]
    assert any("很抱歉" in each["text"] for each in citizen.reads()["messages"])


def test_satisfied_before_any_answer_is_asked_back_and_then_believed(service: Service) -> None:
    service.a_lawyer()
    citizen = service.a_citizen()
    citizen.asks("邻居占了我的地怎么办")
    [asked] = citizen.asks("满意")
    assert citizen.reads()["consultation"]["state"] == "waiting"
    citizen.asks(asked["choices"][0]["payload"])
    assert citizen.reads()["consultation"]["state"] == "closed"


def test_after_closing_a_new_text_is_asked_about_once_with_two_buttons(service: Service) -> None:
    lawyer = service.a_lawyer()
    citizen = service.a_citizen()
    citizen.asks("邻居占了我的地怎么办")
    lawyer.answers(lawyer.waiting()[0]["id"])
    citizen.asks("满意")
    [asked] = citizen.asks("那他要是不还呢")
    assert [choice["title"] for choice in asked["choices"]] == ["接着追问", "新的问题"]
    [sent] = citizen.asks(asked["choices"][0]["payload"])
    assert sent["kind"] == "handoff"
    assert "那他要是不还呢" in [each["question"] for each in lawyer.waiting()]
    assert citizen.reads()["consultation"]["state"] == "waiting"


def test_rasas_long_calls_are_taken_and_strangers_turned_away(service: Service) -> None:
    call = {"next_action": "nothing", "tracker": {"padding": "x" * 200_000}}
    url = "/internal/rasa/actions"
    assert service.client.post(url, json=call).status_code == 401
    token = derive_token(service.settings, "rasa actions")
    answer = service.client.post(url, json=call, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 400  # read whole, and there is no such action
