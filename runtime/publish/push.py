"""The hub: a repository, and one commit with all files."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.publish.ready import Publish
from smolc.runtime.publish.stage import FILES
from smolc.runtime.report.text import label

LOGIN = "hf auth login, or set HF_TOKEN; the token needs the right to write"


def find_token() -> str | None:
    """As huggingface_hub knows it: HF_TOKEN, or what `hf auth login` kept."""
    from huggingface_hub import get_token

    return get_token()


def push(publish: Publish, made: Path, token: str, message: str) -> str:
    """Upload a folder; returns the commit's address. Raises JobError: no rights, no network, a repository that others can
    see. A repository has the model's old files deleted in the same commit, and keeps all others."""
    from huggingface_hub import errors

    try:
        return _push(publish, made, token, message)
    except errors.HFValidationError as error:
        raise JobError(f"{publish.to} cannot be a repository: {_first(error)}") from None
    except errors.OfflineModeIsEnabled:
        raise JobError(
            "the hub is switched off here (HF_HUB_OFFLINE)", help="unset it where there is a network"
        ) from None
    except errors.HfHubHTTPError as error:
        raise _refused(publish, error) from None
    except ValueError as error:
        raise JobError(f"the hub does not take the card: {_first(error)}") from None
    except (errors.HTTPError, OSError) as error:  # type: ignore[attr-defined]  # of the client that the hub uses
        raise JobError(
            f"the hub cannot be reached: {_first(error)}",
            help="try again: what is there already is not sent again",
        ) from None


def _push(publish: Publish, made: Path, token: str, message: str) -> str:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    api = HfApi(token=token, library_name="smolc")
    try:
        there = api.repo_info(publish.to)
    except RepositoryNotFoundError:
        api.create_repo(publish.to, private=publish.private)
        there = api.repo_info(publish.to)
    # An owner's settings may make what is new public, whatever was asked for.
    if publish.private and there.private is not True:
        raise JobError(
            f"{publish.to} is public, and the recipe says private = true: nothing was uploaded",
            help="make it private on the hub, or write private = false",
        )
    if not publish.private and there.private:
        print(f"{publish.to} is private and stays so: it is made public on the hub, not from here")
    done = api.upload_folder(
        repo_id=publish.to, folder_path=str(made), commit_message=message, delete_patterns=list(FILES)
    )
    return str(getattr(done, "commit_url", "") or done)


def note(folder: Path, publish: Publish, hash: str, where: str) -> None:
    """A line in `out/.published.jsonl`: what went where, and when."""
    line = {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "publish": publish.name,
        "to": publish.to,
        "job": publish.job,
        "hash": hash,
        "commit": where,
    }
    with (folder / "out" / ".published.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _refused(publish: Publish, error: Any) -> JobError:
    status = getattr(error.response, "status_code", None)
    said = label(str(getattr(error, "server_message", None) or "")) or f"status {status}"
    if status == 401:
        return JobError(f"the hub does not know this token ({said})", help=LOGIN)
    if status == 403:
        owner = publish.to.partition("/")[0]
        return JobError(
            f"this token may not write to {publish.to} ({said})", help=f"{LOGIN}, as or for {owner}"
        )
    if status in (404, 409):
        return JobError(f"{publish.to} cannot be used ({said})", help="is the owner's name right?")
    return JobError(
        f"the hub refused: {said}", help="nothing of it is public before the last step; try again"
    )


def _first(error: BaseException) -> str:
    return label(next(iter(str(error).splitlines()), "") or type(error).__name__)
