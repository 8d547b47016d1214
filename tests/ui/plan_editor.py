"""Somebody at a form whose buttons ask for another version of it, in a browser without scripts (the form of plans)."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import httpx

from tests.ui.support import BASE, Visitor, words

Fields = list[tuple[str, str]]


class _Form(HTMLParser):
    """The fields that a browser would send of the plan's form, and the buttons that it has."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: Fields = []
        self.buttons: list[str] = []
        self._inside = False
        self._select = self._area = ""
        self._chosen: str | None = None
        self._first: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        self._inside = self._inside or has.get("id") == "plan-form"
        if not self._inside or "disabled" in has:
            return
        name = has.get("name", "")
        if tag == "button" and name == "do":
            self.buttons.append(has["value"])
        elif tag == "input" and name and (has.get("type") not in ("checkbox", "radio") or "checked" in has):
            self.fields.append((name, has.get("value", "")))
        elif tag == "select":
            self._select, self._chosen, self._first = name, None, None
        elif tag == "option" and self._select:
            self._first = has["value"] if self._first is None else self._first
            self._chosen = has["value"] if "selected" in has else self._chosen
        elif tag == "textarea":
            self._area = name
            self.fields.append((name, ""))

    def handle_data(self, data: str) -> None:
        if self._area:
            self.fields[-1] = (self._area, self.fields[-1][1] + data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "select" and self._select:
            self.fields.append((self._select, (self._chosen if self._chosen is not None else self._first) or ""))
            self._select = ""
        elif tag == "textarea":
            self._area = ""
        elif tag == "form":
            self._inside = False


class Editor:
    """Somebody at the form of a plan in a browser without scripts: fields are filled in, buttons are pressed."""

    def __init__(self, browser: Visitor, address: str, page: str) -> None:
        self.browser, self.address = browser, address
        self.answer: httpx.Response | None = None
        self._read(page)

    @classmethod
    async def at(cls, browser: Visitor, path: str) -> Editor:
        page = await browser.page(BASE + path)
        return cls(browser, (BASE + path).partition("?")[0], page)

    def _read(self, page: str) -> None:
        form = _Form()
        form.feed(page)
        self.page, self.fields, self.buttons = page, form.fields, form.buttons

    def value(self, name: str, at: int = 0) -> str:
        return [value for key, value in self.fields if key == name][at]

    def fill(self, **fields: str) -> Editor:
        """Write into fields; ``c1_p_amount`` is the field ``c1-p-amount``, ``c1_p_to__1`` the second of its name."""
        for given, value in fields.items():
            name, _, at = given.partition("__")
            name = re.sub(r"^(c[0-9]+|.*(?<=add))_(?=.)", lambda found: found[0][:-1] + "-", name)
            name = re.sub(r"^(c[0-9]+-(?:p|f[0-9]+))_", r"\1-", name)
            places = [index for index, (key, _) in enumerate(self.fields) if key == name]
            assert places, name
            self.fields[places[int(at or 0)]] = (name, value)
        return self

    def choose(self, name: str, *values: str) -> Editor:
        """Tick boxes or a radio button: exactly these."""
        self.fields = [(key, value) for key, value in self.fields if key != name]
        self.fields += [(name, value) for value in values]
        return self

    async def press(self, do: str, **headers: str) -> Editor:
        assert do in self.buttons or do.startswith(("show:", "preview")), (do, self.buttons)
        sent = httpx.QueryParams([(key, value) for key, value in self.fields if key != "do"] + [("do", do)])
        head = {"content-type": "application/x-www-form-urlencoded", "x-csrf-token": self.browser.token, **headers}
        self.answer = await self.browser.post(self.address, content=str(sent), headers=head)
        if self.answer.status_code in (200, 422):
            self._read(self.answer.text)
        return self

    async def save(self) -> str:
        """The address of the saved plan."""
        await self.press("save")
        assert self.answer is not None
        assert self.answer.status_code == 303, words(self.answer.text)
        return self.answer.headers["location"].removeprefix(BASE)

    async def add(self, metric: str) -> Editor:
        return await self.fill(add_metric=metric).press("add-charge")

    def error(self, name: str) -> str:
        """What is said at a field; empty when nothing is."""
        found = re.search(rf'id="(?:field-)?{re.escape(name)}-error">(.*?)</p>', self.page, re.DOTALL)
        return words(found[1]) if found else ""
