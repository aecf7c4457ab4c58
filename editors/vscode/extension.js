// Starts `smolc lsp` and hands it to VS Code. Everything the editor knows of recipes comes from there.
"use strict";

const vscode = require("vscode");
const { LanguageClient, TransportKind } = require("vscode-languageclient/node");

/** @type {LanguageClient | undefined} */
let client;

async function start() {
  const [command, ...args] = vscode.workspace.getConfiguration("smolc").get("command");
  const run = { command, args, transport: TransportKind.stdio };
  client = new LanguageClient(
    "smolc",
    "smolc",
    { run, debug: run },
    {
      documentSelector: [
        { scheme: "file", language: "smolc" },
        { scheme: "untitled", language: "smolc" },
      ],
      synchronize: {
        fileEvents: ["**/*.recipe", "**/*.jinja", "**/smolc.lock", "**/pyproject.toml"].map((glob) =>
          vscode.workspace.createFileSystemWatcher(glob)
        ),
      },
    }
  );
  try {
    await client.start();
  } catch (error) {
    client = undefined;
    const shown = [command, ...args].join(" ");
    const answer = await vscode.window.showErrorMessage(
      `\`${shown}\` could not be started: ${error.message}. Install it with: pip install 'smolc[lsp]'`,
      "Open settings"
    );
    if (answer) vscode.commands.executeCommand("workbench.action.openSettings", "smolc.command");
  }
}

async function stop() {
  const running = client;
  client = undefined;
  if (running) await running.stop();
}

async function restart() {
  await stop();
  await start();
}

async function activate(context) {
  context.subscriptions.push(
    vscode.commands.registerCommand("smolc.restart", restart),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("smolc.command")) restart();
    })
  );
  await start();
}

module.exports = { activate, deactivate: stop };
