"""Accounts: coming, going, and what is said to whom."""

from __future__ import annotations

import dataclasses
import re
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.models import User
from django.core import mail
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone

from chat import people, set_up, throttle
from chat.accounts import locked
from chat.accounts.addresses import address_of
from chat.models import Profile
from chat.wire.skeletons import skeleton

pytestmark = pytest.mark.django_db

PASSWORD = "a long and good one"


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    """Let a password cost no third of a second."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def ada() -> User:
    """Somebody with an account; not the administrator."""
    user = User.objects.create_user("ada", "ada@example.com", PASSWORD)
    people.begin(user, "Ada")
    return user


@pytest.fixture
def inside(client: Client, ada: User) -> Client:
    """Ada's browser."""
    client.force_login(ada)
    return client


@pytest.fixture
def conf(settings: Any) -> Any:
    """Change variables of the configuration: `conf(sign_up=False)`."""

    def change(**values: Any) -> None:
        settings.CHAT = dataclasses.replace(settings.CHAT, **values)

    return change


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def sign_up(client: Client, **fields: str) -> HttpResponse:
    form = {"username": "grace", "name": "Grace", "email": "", "password1": PASSWORD, "password2": PASSWORD}
    return client.post("/accounts/sign-up/", {**form, **fields})  # type: ignore[return-value]


# Coming


def test_who_signs_up_is_signed_in_and_has_the_name_they_chose(client: Client, ada: User) -> None:
    answer = sign_up(client, name="  Grace   Hopper ")
    assert (answer.status_code, answer["Location"]) == (302, "/")
    grace = User.objects.get(username="grace")
    assert client.session["_auth_user_id"] == str(grace.pk)
    assert people.person_of_user(grace).name == "Grace Hopper"


def test_without_a_name_one_is_called_like_the_account(client: Client, ada: User) -> None:
    sign_up(client, name="")
    assert User.objects.get(username="grace").profile.name == "grace"


BAD_NAMES = {
    "too long": ("x" * 41, "Expected 1 to 40 characters, got 41."),
    "blank": ("   ", "Expected 1 to 40 characters, got 0."),
    "invisible": ("Gr\u200bace", "Expected visible characters, got U+200B."),
    "nothing but a selector": ("\ufe0f", "Expected visible characters, got marks alone."),
    "the server": ("Server admin", "A name may not begin with “Server” or what looks like it."),
    "like the server": ("Ѕеrver", "A name may not begin with “Server” or what looks like it."),
    "somebody's": ("Ada", "“Ada” is the name of somebody here, or looks like it."),
    "somebody's in another case": ("ADA", "“ADA” is the name of somebody here, or looks like it."),
    "somebody's in Cyrillic": ("Аdа", "“Аdа” is the name of somebody here, or looks like it."),
    "somebody's with spaces": ("A d a", "“A d a” is the name of somebody here, or looks like it."),
}


BAD_USERNAMES = {
    "the server": ("server", "A name may not begin with “Server” or what looks like it."),
    "like somebody's": ("R00T", "“R00T” is the name of somebody here, or looks like it."),
    "somebody's in Cyrillic": ("Аdа", "“Аdа” is the name of somebody here, or looks like it."),
    "what only the server gives": ("user-9", "“user-9” is a name that only the server gives."),
}


@pytest.mark.parametrize(("name", "said"), BAD_USERNAMES.values(), ids=BAD_USERNAMES)
def test_a_username_that_may_not_be_a_name_is_refused_where_it_would_be_one(
    client: Client, ada: User, name: str, said: str
) -> None:
    people.begin(User.objects.create(username="boss"), "Root")
    answer = sign_up(client, username=name, name="")
    assert answer.status_code == 200
    assert said in answer.context["form"].errors["username"]  # type: ignore[attr-defined]
    assert User.objects.count() == 2
    assert sign_up(client, username=name, name="Grace").status_code == 302


def test_a_username_that_is_longer_than_a_name_is_shown_as_far_as_it_goes(client: Client, ada: User) -> None:
    assert sign_up(client, username="g" * 60, name="").status_code == 302
    assert User.objects.get(username="g" * 60).profile.name == "g" * 40


def test_a_name_that_the_server_gave_stays_ones_own(client: Client, ada: User) -> None:
    user = User.objects.create(username="server")
    name = people.person_of_user(user).name
    assert name == f"user-{user.pk}"
    client.force_login(user)
    form = {"name": name, "colour": "7", "time_zone": "", "language": ""}
    assert client.post("/accounts/profile/", form).status_code == 302
    assert Profile.objects.get(user=user).colour == 7
    assert "only the server gives" in text(client.post("/accounts/profile/", {**form, "name": f"user-{ada.pk}"}))


@pytest.mark.parametrize(("name", "said"), BAD_NAMES.values(), ids=BAD_NAMES)
def test_a_name_that_may_not_be_is_refused_in_words(client: Client, ada: User, name: str, said: str) -> None:
    answer = sign_up(client, name=name)
    assert answer.status_code == 200
    assert said in text(answer)
    assert not User.objects.filter(username="grace").exists()


def test_sign_up_that_is_closed_says_so_and_is_offered_nowhere(client: Client, ada: User, conf: Any) -> None:
    conf(sign_up=False)
    answer = sign_up(client)
    assert answer.status_code == 403
    assert "Sign-up is closed" in text(answer)
    assert not User.objects.filter(username="grace").exists()
    for path in ("/", "/accounts/sign-in/"):
        assert "/accounts/sign-up/" not in text(client.get(path))


def test_while_there_is_no_administrator_nobody_can_sign_up(client: Client) -> None:
    answer = sign_up(client)
    assert answer.status_code == 403
    assert "Not set up yet" in text(answer)
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("wanted", "leads"),
    [
        *(("/rooms/lobby", "/rooms/lobby"), ("//evil.example/", "/"), ("https://evil.example/", "/")),
        *(("javascript:x", "/"), ("/accounts/sign-in/", "/"), ("/accounts/sign-up/?next=/x", "/")),
    ],
)
@pytest.mark.parametrize("page", ["sign-in", "sign-up"])
def test_after_coming_in_one_is_led_on_within_this_site_only(
    client: Client, ada: User, page: str, wanted: str, leads: str
) -> None:
    if page == "sign-up":
        answer = sign_up(client, next=wanted)
    else:
        answer = client.post("/accounts/sign-in/", {"username": "ada", "password": PASSWORD, "next": wanted})
    assert (answer.status_code, answer["Location"]) == (302, leads)


def test_who_is_signed_in_is_led_on_from_the_ways_in(inside: Client) -> None:
    for page in ("sign-in", "sign-up"):
        assert inside.get(f"/accounts/{page}/?next=/rooms/lobby")["Location"] == "/rooms/lobby"
        assert inside.get(f"/accounts/{page}/?next=/accounts/{page}/")["Location"] == "/"


# The first start


def token_page(client: Client, token: str) -> HttpResponse:
    return client.get(f"/accounts/set-up/?token={token}")  # type: ignore[return-value]


def test_the_link_makes_the_administrator_once(client: Client) -> None:
    token = set_up.token()
    assert f'value="{token}"' in text(token_page(client, token))
    form = {"username": "root", "name": "Root", "password1": PASSWORD, "password2": PASSWORD, "token": token}
    assert client.post("/accounts/set-up/", form).status_code == 302
    root = User.objects.get()
    assert (root.is_superuser, root.is_staff, root.profile.name) == (True, True, "Root")
    assert client.get("/admin/").status_code == 200
    again = Client().post("/accounts/set-up/", {**form, "username": "second"})
    assert again.status_code == 403
    assert "set up already" in text(again)
    assert User.objects.count() == 1


@pytest.mark.parametrize("token", ["", "x", "0" * 64, "é" * 64, "\0"])
def test_another_token_is_refused(client: Client, token: str) -> None:
    answer = client.get("/accounts/set-up/", {"token": token})
    assert answer.status_code == 403
    assert "This is not the link" in text(answer)


def test_the_link_is_of_no_use_once_there_is_any_account(client: Client) -> None:
    token = set_up.token()
    User.objects.create_user("somebody")
    assert token_page(client, token).status_code == 403


def test_who_comes_second_with_the_form_open_is_told(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    form = {"username": "root", "name": "Root", "password1": PASSWORD, "password2": PASSWORD, "token": set_up.token()}
    User.objects.create_user("first")
    monkeypatch.setattr(set_up, "fits", lambda given: True)
    assert client.post("/accounts/set-up/", form).status_code == 403
    assert [user.username for user in User.objects.all()] == ["first"]


def test_the_link_depends_on_the_key_and_on_the_database(settings: Any) -> None:
    first = set_up.token()
    assert set_up.token() == first
    settings.SECRET_KEY = "another"
    assert set_up.token() != first


# Signing in and out


def attempt(client: Client, password: str = "wrong", name: str = "ada", path: str = "/accounts/sign-in/", **meta: Any):  # type: ignore[no-untyped-def]
    return client.post(path, {"username": name, "password": password}, **meta)


def test_a_wrong_password_is_told_without_saying_what_was_wrong(client: Client, ada: User) -> None:
    known, unknown = attempt(client), attempt(client, name="nobody")
    said = re.compile(r"Please enter a correct username and password")
    assert said.search(text(known))
    assert said.search(text(unknown))


@pytest.mark.parametrize("path", ["/accounts/sign-in/", "/admin/login/"])
def test_after_ten_wrong_passwords_the_account_is_locked_for_that_address_only(
    client: Client, ada: User, path: str
) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        last = attempt(client, path=path)
    assert last.status_code == 429
    assert "Too many wrong passwords" in text(last)
    assert re.search(r"Try again in 1[45] minutes", text(last))
    assert 800 < int(last["Retry-After"]) <= 900
    assert attempt(client, PASSWORD, path=path).status_code == 429, "the right password does not help"
    assert attempt(client, PASSWORD, path=path, REMOTE_ADDR="192.0.2.9").status_code in (200, 302)
    User.objects.create_user("grace", password=PASSWORD)
    assert attempt(Client(), PASSWORD, name="grace", path=path).status_code in (200, 302)


def test_what_comes_while_it_is_locked_does_not_put_its_end_off(client: Client, ada: User) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        attempt(client)
    before = AccessAttempt.objects.get().attempt_time
    attempt(client)
    assert AccessAttempt.objects.get().attempt_time == before
    AccessAttempt.objects.update(attempt_time=timezone.now() - settings.AXES_COOLOFF_TIME - timedelta(seconds=1))
    assert attempt(client, PASSWORD).status_code == 302


def test_a_right_password_forgets_the_wrong_ones(client: Client, ada: User) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT - 1):
        attempt(client)
    assert attempt(client, PASSWORD).status_code == 302
    assert not AccessAttempt.objects.exists()


def test_no_password_is_kept_of_an_attempt(client: Client, ada: User) -> None:
    attempt(client, "a canary of a password")
    client.post("/accounts/sign-in/?next=/invitations/a-canary/", {"username": "ada", "password": "wrong"})
    client.force_login(ada)
    canaries = dict.fromkeys(("old_password", "new_password1", "new_password2"), "a canary of a password")
    client.post("/accounts/password/", canaries)
    assert AccessAttempt.objects.get().failures_since_start == 3
    assert "canary" not in str(AccessAttempt.objects.values().get())


def tried(client: Client, accounts: int, each: int = 1, address: str = "192.0.2.7") -> Any:
    """Try wrong passwords for so many accounts; return the last answer."""
    for number in range(accounts):
        for _ in range(each):
            last = attempt(client, name=f"user-{number}", REMOTE_ADDR=address)
    return last


def test_too_many_wrong_passwords_from_one_address_lock_it_for_all_accounts(client: Client, ada: User) -> None:
    assert tried(client, locked.ADDRESS_FAILURE_LIMIT // 5, each=5).status_code == 200
    for path in ("/accounts/sign-in/", "/admin/login/"):
        last = attempt(client, PASSWORD, path=path, REMOTE_ADDR="192.0.2.7")
        assert last.status_code == 429 and "Nobody can sign in from your address for now" in text(last)
        assert re.search(r"Try again in 1[45] minutes", text(last)) and 800 < int(last["Retry-After"]) <= 900
    assert AccessAttempt.objects.filter(username="ada").count() == 0, "what is not looked at is not counted"
    assert attempt(client, PASSWORD, REMOTE_ADDR="192.0.2.8").status_code == 302


def test_an_address_of_ipv6_counts_with_its_neighbours(client: Client, ada: User) -> None:
    for number in range(locked.ADDRESS_FAILURE_LIMIT):
        attempt(client, name=f"user-{number}", REMOTE_ADDR=f"2001:db8:1:2::{number:x}")
    assert attempt(client, PASSWORD, REMOTE_ADDR="2001:db8:1:2:ffff::").status_code == 429
    assert attempt(client, PASSWORD, REMOTE_ADDR="2001:db8:1:3::1").status_code == 302


def test_one_who_signs_in_between_is_not_thereby_let_try_others(client: Client, ada: User) -> None:
    for number in range(locked.ADDRESS_FAILURE_LIMIT):
        attempt(client, name=f"user-{number}")
        assert attempt(Client(), PASSWORD).status_code == (302 if number < locked.ADDRESS_FAILURE_LIMIT - 1 else 429)


def test_the_address_is_open_again_as_soon_as_few_enough_are_new(client: Client, ada: User) -> None:
    tried(client, locked.ADDRESS_FAILURE_LIMIT)
    some = AccessAttempt.objects.order_by("pk").values_list("pk", flat=True)[:2]
    AccessAttempt.objects.filter(pk__in=list(some)).update(attempt_time=timezone.now() - timedelta(minutes=14))
    last = attempt(client, PASSWORD, REMOTE_ADDR="192.0.2.7")
    assert last.status_code == 429 and int(last["Retry-After"]) <= 60
    past = timezone.now() - settings.AXES_COOLOFF_TIME - timedelta(seconds=1)
    AccessAttempt.objects.filter(pk=some[0]).update(attempt_time=past)
    assert attempt(client, PASSWORD, REMOTE_ADDR="192.0.2.7").status_code == 302


def test_a_closed_account_is_not_let_in(client: Client, ada: User) -> None:
    User.objects.update(is_active=False)
    assert attempt(client, PASSWORD).status_code == 200
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize(
    ("came", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::", "2001:db8:1:2::"),
        ("2001:db8:1:3::6", "2001:db8:1:3::"),
        ("fe80::1%eth0", None),
        ("a socket", None),
        ("", None),
    ],
)
def test_the_address_is_the_scopes(came: str, address: str | None) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR=came, HTTP_X_FORWARDED_FOR="203.0.113.7")
    assert address_of(request) == address


def test_signing_out_is_a_post(inside: Client) -> None:
    assert inside.get("/accounts/sign-out/").status_code == 405
    assert inside.post("/accounts/sign-out/")["Location"] == "/"
    assert "_auth_user_id" not in inside.session


def test_throttling_and_the_menu_cost_no_query_on_other_pages(
    client: Client, ada: User, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        client.get("/accounts/password/reset/")
    client.force_login(ada)
    with django_assert_num_queries(3):  # Session, user, profile.
        client.get("/accounts/password/")


# Profile


def test_the_profile_is_changed(inside: Client, ada: User) -> None:
    form = {"name": "Ada L.", "colour": "7", "time_zone": "Pacific/Auckland", "language": "en"}
    assert inside.post("/accounts/profile/", form).status_code == 302
    kept = Profile.objects.values_list("name", "colour", "time_zone", "language").get(user=ada)
    assert kept == ("Ada L.", 7, "Pacific/Auckland", "en")
    assert "Your profile is saved." in text(inside.get("/accounts/profile/"))


@pytest.mark.parametrize(
    ("field", "value"), [("colour", "12"), ("colour", "-1"), ("time_zone", "Moon/Base"), ("language", "tlh")]
)
def test_a_profile_takes_only_what_there_is(inside: Client, ada: User, field: str, value: str) -> None:
    form = {"name": "Ada", "colour": "0", "time_zone": "", "language": "", field: value}
    answer = inside.post("/accounts/profile/", form)
    assert answer.status_code == 200
    assert "Select a valid choice" in text(answer)


@pytest.mark.parametrize(("name", "said"), [*BAD_NAMES.values()][:6], ids=[*BAD_NAMES][:6])
def test_a_name_is_changed_only_to_what_may_be(inside: Client, ada: User, name: str, said: str) -> None:
    answer = inside.post("/accounts/profile/", {"name": name, "colour": "0"})
    assert said in text(answer)
    assert Profile.objects.get(user=ada).name == "Ada"


def test_ones_own_name_in_another_spelling_is_free(inside: Client, ada: User) -> None:
    assert inside.post("/accounts/profile/", {"name": "ADA", "colour": "0"}).status_code == 302
    assert Profile.objects.get(user=ada).name == "ADA"


def test_another_persons_name_is_not(inside: Client) -> None:
    people.begin(User.objects.create_user("grace"), "Grace")
    assert "is the name of somebody here" in text(inside.post("/accounts/profile/", {"name": "Grасе", "colour": "0"}))


def test_dates_are_in_the_persons_time_zone(inside: Client, ada: User) -> None:
    User.objects.update(date_joined=timezone.datetime(2026, 3, 1, 23, 30, tzinfo=timezone.timezone.utc))  # type: ignore[attr-defined]
    Profile.objects.update(time_zone="Asia/Tokyo")
    assert "Here since 2 March 2026" in text(inside.get("/accounts/profile/"))


PRIVATE = ["profile/", "password/", "export/", "erase/"]


@pytest.mark.parametrize("path", PRIVATE)
def test_a_strangers_way_leads_to_signing_in_and_back(client: Client, ada: User, path: str) -> None:
    assert client.get(f"/accounts/{path}")["Location"] == f"/accounts/sign-in/?next=/accounts/{path}"


@pytest.mark.parametrize("path", [*PRIVATE, "sign-in/", "sign-up/", "password/reset/", "password/reset/sent/"])
def test_no_page_of_accounts_is_kept_or_has_anything_inline(client: Client, ada: User, path: str) -> None:
    if path in PRIVATE:
        client.force_login(ada)
    answer = client.get(f"/accounts/{path}")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert not re.search(r"<style|style=|<script(?![^>]* src=)|onclick", page)
    if path != "password/reset/sent/" and path != "password/reset/":
        assert "no-store" in answer["Cache-Control"]


# Passwords


def test_a_changed_password_leaves_this_browser_signed_in_and_ends_the_others(inside: Client, ada: User) -> None:
    other = Client()
    other.force_login(ada)
    new = "an even better one"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert inside.post("/accounts/password/", form)["Location"] == "/accounts/profile/"
    assert inside.get("/accounts/profile/").status_code == 200
    assert other.get("/accounts/profile/").status_code == 302


WRONG = {"old_password": "wrong", "new_password1": "an even better one", "new_password2": "an even better one"}


def test_wrong_passwords_before_a_new_one_count_as_at_a_sign_in(inside: Client, ada: User) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT - 1):
        answer = inside.post("/accounts/password/", WRONG)
        assert answer.status_code == 200 and "This is not your password." in text(answer)
    last = inside.post("/accounts/password/", WRONG)
    assert last.status_code == 429 and "Too many wrong passwords" in text(last) and 800 < int(last["Retry-After"])
    right = inside.post("/accounts/password/", {**WRONG, "old_password": PASSWORD})
    assert right.status_code == 429, "the right password does not help"
    assert attempt(Client(), PASSWORD).status_code == 429, "nor elsewhere"
    ada.refresh_from_db()
    assert ada.check_password(PASSWORD)


@pytest.mark.parametrize(
    ("path", "field"),
    [("/accounts/password/", "old_password"), ("/accounts/export/", "password"), ("/accounts/erase/", "password")],
)
def test_no_page_tells_without_end_which_passwords_are_wrong(inside: Client, path: str, field: str) -> None:
    told = [inside.post(path, {field: f"wrong {number}"}).status_code for number in range(12)]
    assert told == [200] * (settings.AXES_FAILURE_LIMIT - 1) + [429] * 3


def test_the_admins_own_page_for_another_password_is_this_one(client: Client) -> None:
    client.force_login(User.objects.create_superuser("root"))
    for answer in (client.get("/admin/password_change/"), client.post("/admin/password_change/", WRONG)):
        assert (answer.status_code, answer["Location"]) == (302, "/accounts/password/")


def test_a_forgotten_password_is_set_by_a_link_that_works_once(client: Client, ada: User) -> None:
    assert client.post("/accounts/password/reset/", {"email": "ada@example.com"}).status_code == 302
    (sent,) = mail.outbox
    assert sent.from_email == settings.CHAT.email_from
    link = re.search(r"http://testserver(/accounts/password/reset/\S+)", sent.body)[1]  # type: ignore[index]
    form = client.get(link)["Location"]
    new = "an even better one"
    assert client.post(form, {"new_password1": new, "new_password2": new})["Location"] == "/accounts/sign-in/"
    assert attempt(client, new).status_code == 302
    used = Client().get(link, follow=True)
    assert "does not work any more" in text(used)


def test_an_unknown_address_is_answered_alike_and_gets_no_mail(client: Client, ada: User) -> None:
    known = client.post("/accounts/password/reset/", {"email": "ada@example.com"})
    unknown = client.post("/accounts/password/reset/", {"email": "eve@example.com"})
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert len(mail.outbox) == 1


def test_links_in_mails_lead_to_the_site_whatever_the_request_calls_it(client: Client, ada: User, conf: Any) -> None:
    conf(site_url="https://chat.example.com:8443")
    client.post("/accounts/password/reset/", {"email": "ada@example.com"}, headers={"host": "localhost:666"})
    assert "https://chat.example.com:8443/accounts/password/reset/" in mail.outbox[0].body
    assert "at chat.example.com:8443." in mail.outbox[0].body and "666" not in mail.outbox[0].body


def asked(client: Client, email: str = "ada@example.com", **meta: str) -> HttpResponse:
    return client.post("/accounts/password/reset/", {"email": email}, **meta)  # type: ignore[return-value,arg-type]


def test_one_mailbox_gets_few_mails_and_who_asks_is_told_nothing_of_it(client: Client, ada: User) -> None:
    spellings = ["ada@example.com", "ADA@example.com", "Ada@Example.COM"]
    answers = [asked(client, spellings[number % 3], REMOTE_ADDR=f"192.0.2.{number}") for number in range(9)]
    assert {(answer.status_code, answer["Location"]) for answer in answers} == {(302, "/accounts/password/reset/sent/")}
    assert len(mail.outbox) == throttle.MAILS_AN_HOUR
    User.objects.create_user("grace", "grace@example.com", PASSWORD)
    asked(client, "grace@example.com")
    assert len(mail.outbox) == throttle.MAILS_AN_HOUR + 1


def test_accounts_that_name_somebody_elses_mailbox_fill_it_no_more_than_one_and_its_owner_is_first(
    client: Client, ada: User
) -> None:
    for number in range(9):
        User.objects.create_user(f"a{number}", "ada@example.com", PASSWORD)
    asked(client)
    assert len(mail.outbox) == throttle.MAILS_AN_HOUR
    assert "for the account ada at" in mail.outbox[0].body


def test_one_address_asks_for_few_links_and_is_told_when_it_may_again(client: Client, ada: User) -> None:
    for number in range(throttle.RESETS_AN_HOUR):
        assert asked(client, f"{number}@example.com").status_code == 302
    last = asked(client)
    assert last.status_code == 429 and "Too many links" in text(last) and "Try again in 6 minutes" in text(last)
    assert 300 < int(last["Retry-After"]) <= 360
    assert mail.outbox == []
    assert asked(client, REMOTE_ADDR="192.0.2.1").status_code == 302


def test_one_address_makes_few_accounts_and_mistakes_do_not_count(client: Client, ada: User) -> None:
    for number in range(throttle.SIGN_UPS_AN_HOUR):
        assert sign_up(Client(), username=f"u{number}", name="Server").status_code == 200
        assert sign_up(Client(), username=f"u{number}", name="").status_code == 302
    last = sign_up(client)
    assert last.status_code == 429 and "Too many new accounts" in text(last) and "Try again in 3 minutes" in text(last)
    assert 120 < int(last["Retry-After"]) <= 180
    assert not User.objects.filter(username="grace").exists()
    assert client.get("/accounts/sign-up/").status_code == 200


# Single sign-on


def test_without_a_provider_nothing_of_it_is_there(client: Client, ada: User) -> None:
    assert client.get("/accounts/oidc/sso/login/").status_code == 404
    assert "oidc" not in text(client.get("/accounts/sign-in/"))


# The admin


def test_who_administers_users_changes_how_they_are_shown_and_not_to_what_may_not_be(client: Client, ada: User) -> None:
    people.begin(User.objects.create_user("grace"), "Grace")
    client.force_login(User.objects.create_superuser("root"))
    page = f"/admin/auth/user/{ada.pk}/change/"
    shown = {"profile-TOTAL_FORMS": "1", "profile-INITIAL_FORMS": "1", "profile-0-id": str(ada.profile.pk)}
    form = {**shown, "username": "ada", "profile-0-user": str(ada.pk), "profile-0-colour": "3", "is_active": "on"}
    assert 'name="profile-0-name"' in text(client.get(page))
    refused = client.post(page, {**form, "profile-0-name": "Grасе"})
    assert "is the name of somebody here, or looks like it." in text(refused)
    assert client.post(page, {**form, "profile-0-name": "Ada  L."}).status_code == 302
    kept = Profile.objects.get(user=ada)
    assert (kept.name, kept.colour, kept.skeleton) == ("Ada L.", 3, skeleton("Ada L."))


def test_somebody_who_was_added_in_the_admin_is_there_without_a_profile_yet(client: Client, ada: User) -> None:
    client.force_login(User.objects.create_superuser("root"))
    form = {"username": "grace", "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    assert client.post("/admin/auth/user/add/", form).status_code == 302
    grace = User.objects.get(username="grace")
    assert client.get(f"/admin/auth/user/{grace.pk}/change/").status_code == 200
    assert people.person_of_user(grace).name == "grace"
