"""The language server: what an editor asks, answered by the pure functions of this folder."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path

import smolc
from smolc.compiler.diagnostics.types import Refused
from smolc.compiler.editor.chain import Opened, chain, normal, opened
from smolc.compiler.editor.complete import complete
from smolc.compiler.editor.hover import hover
from smolc.compiler.editor.navigate import definition, folds, references, symbols
from smolc.compiler.editor.positions import Positions
from smolc.compiler.editor.rename import CannotRename, renamable, rename
from smolc.compiler.editor.review import Report, fix_all, fixes, review
from smolc.compiler.editor.wire import Wire, folding, item, whole
from smolc.compiler.format.files import recipes_in

PAUSE = 0.2
"""Seconds without a keystroke before a text is compiled."""
REQUEST_FAILED = -32803
Handler = Callable[["Server", Any], Any]


class Server(LanguageServer):
    """Texts come from the editor (`workspace`), everything else from disk. reviewed: version and reports by address."""

    def __init__(self) -> None:
        super().__init__("smolc", smolc.__version__)
        self.waiting: dict[str, asyncio.Task[None]] = {}
        self.reviewed: dict[str, tuple[int | None, list[Report]]] = {}
        self.compiling = asyncio.Lock()

    def texts(self) -> dict[Path, str]:
        """What is open, by resolved path, as the compiler reads it."""
        return {
            path: normal(document.source)
            for uri, document in self.workspace.text_documents.items()
            if (path := path_from(uri)) is not None
        }

    def folders(self) -> list[Path]:
        found = [path_from(folder.uri) for folder in self.workspace.folders.values()]
        root = self.workspace.root_path
        if not found and root:
            found.append(Path(root).resolve())
        return [folder for folder in found if folder is not None]

    def recipes(self) -> Iterator[Path]:
        """All recipes of the workspace, as far as they are looked at."""
        yield from self.texts()
        for folder in self.folders():
            for name in recipes_in(str(folder)):
                yield Path(name).resolve()

    @property
    def unit(self) -> str:
        encoding = self.server_capabilities.position_encoding
        return str(getattr(encoding, "value", encoding) or "utf-16")

    def wire(self) -> Wire:
        names = {path_from(uri): uri for uri in self.workspace.text_documents}
        return Wire(lambda path: names.get(path) or from_fs_path(str(path)) or str(path), self.unit)

    def snippets(self) -> bool:
        completion = getattr(self.client_capabilities.text_document, "completion", None)
        return bool(getattr(getattr(completion, "completion_item", None), "snippet_support", False))


def path_from(uri: str) -> Path | None:
    """The file behind an address; a text that has none (not saved yet) gets a name of its own in the current folder."""
    try:
        path = to_fs_path(uri) if uri.startswith("file:") else None
        if path is None:
            name = "".join(c if c.isalnum() else "-" for c in uri)[-60:]
            path = str(Path.cwd() / f"{name}.recipe")
        return Path(path).resolve()
    except (OSError, ValueError, RuntimeError):
        return None


def guarded(server: Server, handler: Handler) -> Callable[[Any], Any]:
    """Whatever goes wrong in one answer, the server goes on: it is told to the editor's log, and nothing is answered."""

    def answer(params: Any) -> Any:
        try:
            return handler(server, params)
        except (JsonRpcException, asyncio.CancelledError):
            raise
        except Refused as error:
            raise JsonRpcException(str(error), REQUEST_FAILED) from error
        except Exception as error:
            log(server, error, handler.__name__)
            return None

    return answer


def log(server: Server, error: Exception, where: str) -> None:
    message = f"internal error in {where}: {type(error).__name__}: {error}"
    server.window_log_message(types.LogMessageParams(types.MessageType.Error, message))


class Asked:
    """The file and the place that a request is about."""

    def __init__(self, server: Server, params: Any) -> None:
        path = path_from(params.text_document.uri)
        assert path is not None
        self.path = path
        self.texts = server.texts()
        text = self.texts.get(path)
        if text is None:
            one = opened(path, {})
            text = one.source.text if one is not None else ""
        self.text = text
        self.positions = Positions(text, server.unit)
        place = getattr(params, "position", None)
        self.offset = self.positions.offset(place.line, place.character) if place is not None else 0

    @property
    def opened(self) -> Opened | None:
        return opened(self.path, self.texts)


def make() -> Server:
    """The server with all that it answers."""
    server = Server()
    for name, handler, *options in _FEATURES:
        server.feature(name, *options)(guarded(server, handler))
    return server


# --- what changes


def _changed(server: Server, params: Any) -> None:
    _schedule(server, params.text_document.uri)


def _schedule(server: Server, uri: str, pause: float = PAUSE) -> None:
    """Review a text, and what builds on it, once nothing has been typed for a moment."""
    task = server.waiting.pop(uri, None)
    if task is not None:
        task.cancel()
    server.waiting[uri] = asyncio.get_running_loop().create_task(_review_soon(server, uri, pause))


async def _review_soon(server: Server, uri: str, pause: float) -> None:
    await asyncio.sleep(pause)
    path, texts = path_from(uri), server.texts()
    for other in list(server.workspace.text_documents):
        at = path_from(other)
        if at is not None and (other == uri or path in [one.path for one in chain(at, texts)[1:]]):
            await _publish(server, other, at)


async def _publish(server: Server, uri: str, path: Path) -> None:
    """In a thread, so that typing and hovering go on; an answer that is outdated when it comes is thrown away."""
    async with server.compiling:
        document = server.workspace.text_documents.get(uri)
        if document is None:
            return
        version = document.version
        try:
            reports = await asyncio.to_thread(review, path, server.texts())
        except Exception as error:
            log(server, error, "review")
            return
        document = server.workspace.text_documents.get(uri)
        if document is None or document.version != version:
            return
        server.reviewed[uri] = (version, reports)
        wire, positions = server.wire(), Positions(normal(document.source), server.unit)
        found = [wire.diagnostic(report, positions) for report in reports]
        server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, found, version))


def _closed(server: Server, params: types.DidCloseTextDocumentParams) -> None:
    uri = params.text_document.uri
    task = server.waiting.pop(uri, None)
    if task is not None:
        task.cancel()
    server.reviewed.pop(uri, None)
    server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))


def _files_changed(server: Server, params: types.DidChangeWatchedFilesParams) -> None:
    """Parents, templates, locks, or the settings in pyproject.toml: everything that is open is looked at again."""
    from smolc.compiler.lint.settings import forget

    forget()
    for uri in list(server.workspace.text_documents):
        _schedule(server, uri)


# --- what is asked


def _hover(server: Server, params: types.HoverParams) -> types.Hover | None:
    asked = Asked(server, params)
    found = hover(asked.path, asked.offset, asked.texts)
    if found is None:
        return None
    start, end = asked.positions.range(found.start, found.end)
    content = types.MarkupContent(types.MarkupKind.Markdown, found.markdown)
    return types.Hover(content, types.Range(types.Position(*start), types.Position(*end)))


def _completion(server: Server, params: types.CompletionParams) -> types.CompletionList:
    asked = Asked(server, params)
    snippets = server.snippets()
    found = complete(asked.path, asked.offset, asked.texts)
    # Digits that are typed on ask for another list: `6seq` is no beginning of `64seq`.
    partial = any(one.kind == "value" for one in found)
    return types.CompletionList(partial, [item(one, asked.positions, snippets) for one in found])


def _definition(server: Server, params: types.DefinitionParams) -> list[types.Location]:
    asked, wire = Asked(server, params), server.wire()
    return [wire.location(found) for found in definition(asked.path, asked.offset, asked.texts)]


def _references(server: Server, params: types.ReferenceParams) -> list[types.Location]:
    asked, wire = Asked(server, params), server.wire()
    declared = params.context.include_declaration
    found = references(asked.path, asked.offset, asked.texts, server.recipes(), declared)
    return [wire.location(one) for one in found]


def _highlight(server: Server, params: types.DocumentHighlightParams) -> list[types.DocumentHighlight]:
    asked, wire = Asked(server, params), server.wire()
    found = references(asked.path, asked.offset, asked.texts)
    return [types.DocumentHighlight(wire.range(one.span)) for one in found if one.path == asked.path]


def _prepare_rename(server: Server, params: types.PrepareRenameParams) -> types.Range:
    asked = Asked(server, params)
    return server.wire().range(renamable(asked.path, asked.offset, asked.texts))


def _rename(server: Server, params: types.RenameParams) -> types.WorkspaceEdit:
    asked, new = Asked(server, params), params.new_name.strip()
    touched = rename(asked.path, asked.offset, new, asked.texts, server.recipes(), server.folders())
    return server.wire().renamed(touched, new)


def _formatting(server: Server, params: types.DocumentFormattingParams) -> list[types.TextEdit] | None:
    from smolc.compiler.format import HasMistakes, NotFaithful, formatted

    asked = Asked(server, params)
    try:
        return whole(asked.text, formatted(asked.text, asked.path.name), server.unit)
    except HasMistakes:
        return None  # they are shown already
    except NotFaithful as error:
        raise CannotRename(f"this recipe was left as it is: {error}") from error


def _symbols(server: Server, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
    one, wire = Asked(server, params).opened, server.wire()
    return [wire.symbol(symbol) for symbol in symbols(one)] if one is not None else []


def _folding(server: Server, params: types.FoldingRangeParams) -> list[types.FoldingRange]:
    one = Asked(server, params).opened
    return folding(folds(one)) if one is not None else []


FIX_ALL = "source.fixAll.smolc"


def _actions(server: Server, params: types.CodeActionParams) -> list[types.CodeAction]:
    asked, wire, uri = Asked(server, params), server.wire(), params.text_document.uri
    only = [str(getattr(kind, "value", kind)) for kind in params.context.only or ()]
    if any(kind and FIX_ALL.startswith(kind) for kind in only):
        text = fix_all(asked.path, asked.texts)
        if text is None:
            return []
        edit = types.WorkspaceEdit(changes={uri: whole(asked.text, text, server.unit)})
        return [types.CodeAction("Mend all that leaves the plan as it is", kind=FIX_ALL, edit=edit)]
    if only and not any("quickfix".startswith(kind) for kind in only):
        return []
    version, reports = server.reviewed.get(uri, (None, []))
    document = server.workspace.text_documents.get(uri)
    if document is None or version != document.version or uri not in server.reviewed:
        reports = review(asked.path, asked.texts)
    start, end = (asked.positions.offset(p.line, p.character) for p in (params.range.start, params.range.end))
    return [
        wire.action(fix, wire.diagnostic(report, asked.positions))
        for report in reports
        if report.start <= end and start <= report.end
        for fix in fixes(report)
    ]


_FEATURES: list[tuple[Any, ...]] = [
    (types.TEXT_DOCUMENT_DID_OPEN, _changed),
    (types.TEXT_DOCUMENT_DID_CHANGE, _changed),
    (types.TEXT_DOCUMENT_DID_SAVE, _changed),
    (types.TEXT_DOCUMENT_DID_CLOSE, _closed),
    (types.WORKSPACE_DID_CHANGE_WATCHED_FILES, _files_changed),
    (types.TEXT_DOCUMENT_HOVER, _hover),
    (
        types.TEXT_DOCUMENT_COMPLETION,
        _completion,
        types.CompletionOptions(trigger_characters=[".", "(", "[", "=", " ", '"', "/", ","]),
    ),
    (types.TEXT_DOCUMENT_DEFINITION, _definition),
    (types.TEXT_DOCUMENT_REFERENCES, _references),
    (types.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT, _highlight),
    (types.TEXT_DOCUMENT_PREPARE_RENAME, _prepare_rename),
    (types.TEXT_DOCUMENT_RENAME, _rename, types.RenameOptions(prepare_provider=True)),
    (types.TEXT_DOCUMENT_FORMATTING, _formatting),
    (types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, _symbols),
    (types.TEXT_DOCUMENT_FOLDING_RANGE, _folding),
    (
        types.TEXT_DOCUMENT_CODE_ACTION,
        _actions,
        types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix, FIX_ALL]),
    ),
]


def serve() -> None:
    """Answer on stdin and stdout until the editor says `exit`. What anything prints goes to stderr."""
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    make().start_io(stdin, stdout)
