"""The package index that packages come from, and the files of a package there."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from http.client import HTTPResponse
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit
from urllib.request import Request, urlopen

_OF_A_RELEASE = Path(__file__).with_name("index.txt")
# Of this project, of uv and of pip: the first one that is set counts.
_VARIABLES = ("IMPASTO_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
_TIMEOUT_S = 30.0
_LIMIT_BYTES = 2**25


@dataclass(frozen=True)
class IndexFile:
    """A file in an index."""

    name: str
    url: str


def package_index() -> str | None:
    """Returns the address of the index; None if neither a variable nor this release names one."""
    configured = (os.environ.get(name, "") for name in _VARIABLES)
    named = next((address for address in configured if address), None)
    if named is None and _OF_A_RELEASE.is_file():
        named = _OF_A_RELEASE.read_text().strip()
    return named if named and urlsplit(named).scheme in ("https", "http") else None


def host_of(address: str) -> str:
    """Returns the host of an address, and its port, without a user's name and password."""
    return urlsplit(address).netloc.rpartition("@")[2]


def without_login(address: str) -> str:
    """Returns an address without a user's name and password."""
    return urlsplit(address)._replace(netloc=host_of(address)).geturl()


def opened(address: str, headers: Mapping[str, str]) -> HTTPResponse:
    """Opens an address, with the user's name and password that it may have; raises OSError."""
    parts = urlsplit(address)
    request = Request(without_login(address), headers=dict(headers))  # noqa: S310 - package_index checks it
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        encoded = base64.b64encode(login.encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {encoded}")
    reply: HTTPResponse = urlopen(request, timeout=_TIMEOUT_S)  # noqa: S310
    return reply


def files_of(index: str, package: str) -> list[IndexFile]:
    """Returns the files of a package; raises OSError or ValueError if the index does not answer."""
    page = f"{index.rstrip('/')}/{package}/"
    accepted = "application/vnd.pypi.simple.v1+json, text/html;q=0.1"
    with opened(page, {"Accept": accepted}) as reply:
        text = reply.read(_LIMIT_BYTES).decode()
        is_json = "json" in reply.headers.get("Content-Type", "")
        page = reply.url
    links = [file["url"] for file in json.loads(text)["files"]] if is_json else _links_in(text)
    addresses = (_with_login_of(index, urljoin(page, link)) for link in links)
    return [IndexFile(_name_of(address), address) for address in addresses]


def _with_login_of(index: str, file: str) -> str:
    """Returns the address of a file, with the login of the index if it is on the same host."""
    of_index, of_file = urlsplit(index), urlsplit(file)
    if of_index.scheme != of_file.scheme or host_of(index) != host_of(file):
        return file
    return of_file._replace(netloc=of_index.netloc).geturl()


def _name_of(link: str) -> str:
    return unquote(re.split(r"[?#]", link)[0].rpartition("/")[2])


def _links_in(text: str) -> list[str]:
    parser = _Links()
    parser.feed(text)
    return parser.links


class _Links(HTMLParser):
    """The links of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Takes a link."""
        if tag == "a":
            self.links += [value for name, value in attrs if name == "href" and value]
