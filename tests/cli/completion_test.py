#!/usr/bin/env python3
"""TAB in bash, zsh and fish, and what they ask the tool. usage: completion_test.py BINARY COMPLETIONS TESTDATA"""
import json
import os
import pty
import select
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import skips  # noqa: E402

BINARY, COMPLETIONS, TESTDATA = map(os.path.abspath, sys.argv[1:4])
del sys.argv[1:]
MODELS = os.path.join(TESTDATA, "golden", "models", "files")
# As in the examples of `kvcache completion --help`.
SET_UP = {"bash": "source <(kvcache completion bash)\n",
          "zsh": "autoload -U compinit && compinit -u -D\n" "source <(kvcache completion zsh)\n",
          "fish": "kvcache completion fish > ~/.config/fish/completions/kvcache.fish\n"}


def needs(shell):
    return unittest.skipUnless(shutil.which(shell), shell + " is missing: scripts/setup --ci installs it")


class Folder(unittest.TestCase):
    """A home with a few caches in it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kvcache-completion-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.env = {"HOME": self.folder, "PATH": os.path.dirname(BINARY) + ":/usr/bin:/bin", "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        for name, model in (("gemma.safetensors", "gemma3_text-bf16"), ("my chat.safetensors", "llama-f16"),
                            ("short.safetensors", "llama-f16-trim7")):
            shutil.copy(os.path.join(MODELS, model + ".safetensors"), os.path.join(self.folder, name))
        os.mkdir(os.path.join(self.folder, "deep"))
        os.makedirs(os.path.join(self.folder, ".config/fish/completions"))

    def make_store(self):
        """Two entries in a store. -> their ids"""
        with open(os.path.join(self.folder, "ids.json"), "w", encoding="ascii") as f:
            json.dump(list(range(43)), f)
        for label in ("holiday", "my trip"):
            self.tool("store", "put", "my chat.safetensors", "--tokens", "ids.json", "--identity", "llama", "--label", label, "--store", "chats")
        listed = json.loads(self.tool("store", "ls", "--json", "--store", "chats"))
        self.space = listed["entries"][0]["namespace"]
        return [one["entry"] for one in listed["entries"]]

    def tool(self, *arguments):
        return subprocess.run([BINARY, *arguments], cwd=self.folder, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              universal_newlines=True, timeout=30).stdout


class Asked(Folder):
    """kvcache complete: what all shells offer."""

    def offers(self, *words, shell="zsh"):
        kind, *lines = self.tool("complete", shell, *words).splitlines()
        return kind if kind != "values" else [line.split("\t")[0] for line in lines]

    def test_commands(self):
        self.assertEqual(self.offers("me"), ["metadata", "merge"])
        self.assertEqual(self.offers("generat"), [], "what is hidden is not offered")
        self.assertEqual(self.offers("no-such-command", ""), "nothing")
        self.assertIn("values\ntrim\tRemove the last tokens", self.tool("complete", "fish", "tri"))

    def test_options(self):
        self.assertEqual(self.offers("trim", "--o"), ["--output"])
        self.assertEqual(self.offers("trim", "--col"), ["--color"])
        self.assertEqual(self.offers("--col"), ["--color"])
        self.assertEqual(self.offers("trim", "-").count("--help"), 1)

    def test_choices(self):
        self.assertEqual(self.offers("convert", "gemma.safetensors", "--dtype", ""), ["f16", "bf16", "f32"])
        self.assertEqual(self.offers("create", "--class", "R"), ["RotatingKVCache"])
        self.assertEqual(self.offers("--color", "a"), ["auto", "always"])
        self.assertEqual(self.offers("--color=a"), ["--color=auto", "--color=always"])
        self.assertIn("json", self.offers("verify", "--format", ""))
        self.assertEqual(self.offers("completion", ""), ["bash", "zsh", "fish"])
        self.assertEqual(self.offers("quantize", "gemma.safetensors", "--bits", ""), ["2", "3", "4", "5", "6", "8"])
        self.assertEqual(self.offers("estimate", "--group-size", "3"), ["32"])
        self.assertEqual(self.offers("explain", "KV41"), ["KV411", "KV412", "KV413", "KV414"])
        self.assertIn("RotatingKVCache", self.offers("explain", "R"))

    def test_formats(self):
        self.assertEqual(self.offers("convert", "--to", "mlx-lm@0.31"),
                         ["mlx-lm@0.31", "mlx-lm@0.31.0", "mlx-lm@0.31.1", "mlx-lm@0.31.2", "mlx-lm@0.31.3"])
        self.assertNotIn("mlx-lm@0.18", self.offers("convert", "--to", ""), "it is never written")
        self.assertIn("mlx-lm@0.18", self.offers("verify", "--for", ""))
        self.assertIn("all", self.offers("verify", "--for", ""))

    def test_classes(self):
        self.assertEqual(self.offers("convert", "--children", "KVCache,Rot"), ["KVCache,RotatingKVCache:"])

    def test_layers_of_the_file_on_the_line(self):
        self.assertEqual(self.offers("mask", "gemma.safetensors", "--layer", ""), ["0", "1", "2", "3", "4", "5"])
        self.assertIn("0\tRotatingKVCache window 16\n", self.tool("complete", "fish", "mask", "gemma.safetensors", "--layer", ""))
        self.assertEqual(self.offers("quantize", "gemma.safetensors", "--layers", "0,4-"), ["0,4-%d" % i for i in range(6)])
        self.assertEqual(self.offers("mask", "--layer", ""), [])
        self.assertEqual(self.offers("mask", "missing.safetensors", "--layer", ""), [])
        self.assertEqual(self.offers("mask", "~/gemma.safetensors", "--layer", "5"), ["5"])

    def test_sequences_and_metadata(self):
        self.tool("merge", "my chat.safetensors", "short.safetensors", "-o", "batch.safetensors")
        self.assertEqual(self.offers("extract", "batch.safetensors", "-i", ""), ["0", "1"])
        self.assertEqual(self.offers("filter", "batch.safetensors", "--keep", "1,"), ["1,0", "1,1"])
        self.assertEqual(self.offers("metadata", "gemma.safetensors", ""), ["get", "set", "unset", "strip", "list"])
        self.assertEqual(self.offers("metadata", "gemma.safetensors", "get", "m"), ["model"])
        self.assertEqual(self.offers("metadata", "gemma.safetensors", "set", ""), "nothing")

    def test_the_store(self):
        entries = self.make_store()
        short = [entry[:12] for entry in entries]
        for place in (["--store", "chats"], ["--store=chats"], ["--store", "~/chats"]):
            self.assertEqual(self.offers("store", "show", *place, ""), short, place)
        self.assertEqual(self.offers("store", "rm", *place, entries[1][:5]), short[1:])
        self.assertEqual(self.offers("store", "pin", short[0], *place, ""), short)
        self.assertEqual(self.offers("store", "export", *place, entries[0][:20]), entries[:1])
        for command in ("put", "ls", "rm", "import"):
            self.assertEqual(self.offers("store", command, *place, "--label", ""), ["holiday", "my trip"])
        self.assertEqual(self.offers("store", "rm", *place, "--label=h"), ["--label=holiday"])
        for command in ("get", "probe", "ls", "rm"):
            self.assertEqual(self.offers("store", command, *place, "--namespace", ""), [self.space[:12]])
        self.assertEqual(self.offers("store", "show", ""), [], "nothing is made where there is no store")
        self.assertFalse(os.path.exists(os.path.join(self.folder, ".cache")))
        self.env["KVCACHE_STORE"] = os.path.join(self.folder, "chats")
        self.assertEqual(self.offers("store", "show", ""), short)
        self.assertEqual(self.offers("store", "show", "--store", "postgresql://host/db", ""), [])
        self.assertEqual(self.offers("store", "ls", "--store", ""), "folders")
        self.assertEqual(self.offers("store", "get", "--tokens", ""), "files")
        self.assertEqual(self.offers("store", "init", "--compress", ""), ["none", "lossless"])

    def test_files(self):
        for words in (["inspect", ""], ["merge", "a", "b", "c"], ["trim", "x", "y"], ["trim", "x", "-o", ""], ["estimate", "--config", ""],
                      ["verify", "-rq", ""], ["trim", "--", "-"]):
            self.assertEqual(self.offers(*words), "files", words)
        for words in (["verify", "--model", ""], ["prune", ""], ["ls", "x", ""]):
            self.assertEqual(self.offers(*words), "folders", words)
        for words in (["mask", "x", "y"], ["trim", "x", "-n", ""], ["create", "--seed", ""]):
            self.assertEqual(self.offers(*words), "nothing", words)

    def test_bash_passes_words_as_typed(self):
        for typed in (r"my\ chat.safetensors", "'my chat.safetensors'", '"my chat.safetensors"'):
            self.assertEqual(self.offers("mask", typed, "--layer", "", shell="bash"), ["0", "1", "2", "3"])

    def test_scripts_are_the_committed_ones(self):
        for shell, name in (("bash", "kvcache.bash"), ("zsh", "_kvcache"), ("fish", "kvcache.fish")):
            with open(os.path.join(COMPLETIONS, name), encoding="utf-8") as f:
                self.assertEqual(self.tool("completion", shell), f.read())


class Terminal:
    """A shell at a terminal, with somebody at the keyboard."""

    def __init__(self, command, env, folder):
        pid, self.fd = pty.fork()
        if pid == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, dict(env, PS1="$ "))
        self.pid, self.text = pid, ""

    def read_until(self, text, timeout=30.0):
        end = time.monotonic() + timeout
        while text not in self.text:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise AssertionError("no %r in %r" % (text, self.text))
            self.text += os.read(self.fd, 4096).decode("utf-8", "replace")
        before, self.text = self.text.split(text, 1)
        return before

    def type(self, text):
        os.write(self.fd, text.encode())

    def close(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


class Shells(Folder):
    def bash(self, line, before=""):
        """What bash has on the line after TAB: readline's own work, so that its rules for splitting and quoting count."""
        terminal = Terminal(["bash", "--norc", "--noprofile", "-i"], self.env, self.folder)
        self.addCleanup(terminal.close)
        terminal.type(before + "bind 'set enable-bracketed-paste off'; " + SET_UP["bash"])
        # Ctrl-X p prints the line.
        terminal.type("show() { printf '{%s}' \"$READLINE_LINE\"; }; bind -x '\"\\C-xp\": show'; echo RE''ADY\n")
        terminal.read_until("READY")
        terminal.type(line + "\t")
        time.sleep(0.2)
        terminal.type("\x18p")
        terminal.read_until("{")
        return terminal.read_until("}")

    def zsh(self, line):
        terminal = Terminal(["zsh", "-f", "-i"], self.env, self.folder)
        self.addCleanup(terminal.close)
        terminal.type("unsetopt zle_bracketed_paste; unset zle_bracketed_paste\n" + SET_UP["zsh"])
        terminal.type("show() { print -rn -- \"{$BUFFER}\"; }; zle -N show; bindkey '^Xp' show; echo RE''ADY\n")
        terminal.read_until("READY")
        terminal.type(line + "\t\x18p")
        terminal.read_until("{")
        return terminal.read_until("}")

    def fish(self, line):
        subprocess.run(["sh", "-c", SET_UP["fish"]], env=self.env, check=True)
        done = subprocess.run(["fish", "-c", "complete -C " + "'" + line.replace("\\", "\\\\").replace("'", "\\'") + "'"], env=self.env,
                              cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, timeout=30)
        return [candidate.split("\t")[0] for candidate in done.stdout.splitlines()]

    # What is typed, and what the line is after TAB.
    UNIQUE = (("kvcache quan", "kvcache quantize "),
              ("kvcache trim --outp", "kvcache trim --output "),
              ("kvcache convert my --to mlx-swift-lm@2", "kvcache convert my --to mlx-swift-lm@2026-08 "),
              ("kvcache convert --to=mlx-lm@2", "kvcache convert --to=mlx-lm@2026-08 "),
              ("kvcache inspect gem", "kvcache inspect gemma.safetensors "),
              ("kvcache inspect my", "kvcache inspect my\\ chat.safetensors "),
              ("kvcache mask 'my chat.safetensors' --queries 1 --layer 3", "kvcache mask 'my chat.safetensors' --queries 1 --layer 3 "),
              ("kvcache metadata my\\ chat.safetensors get n", "kvcache metadata my\\ chat.safetensors get n_tokens "),
              ("kvcache verify --model d", "kvcache verify --model deep/"),
              ("kvcache store ls --store chats --label ho", "kvcache store ls --store chats --label holiday "),
              ("kvcache store rm --store=chats --label my", "kvcache store rm --store=chats --label my\\ trip "))
    # The beginnings of an entry and of a namespace.
    STORED = "kvcache store show --store chats %s", "kvcache store get --store chats --namespace %s"

    def setUp(self):
        super().setUp()
        entry, _ = self.make_store()
        self.stored = [(line % word[:4], line % word[:12] + " ") for line, word in zip(self.STORED, (entry, self.space))]

    # Lists and choices of numbers, and what only folders are meant for.
    BASH = (("kvcache verify --for mlx-swift-lm@3.3", "kvcache verify --for mlx-swift-lm@3.3"),
            ("kvcache verify --for mlxrs@0.1.", "kvcache verify --for mlxrs@0.1.0 "),
            ("kvcache verify --for mlx-lm@2", "kvcache verify --for mlx-lm@2026-08 "),
            ("kvcache verify --for mlx-lm@", "kvcache verify --for mlx-lm@"),
            ("kvcache convert --to=mlxrs@0.1.", "kvcache convert --to=mlxrs@0.1.0 "),
            ("kvcache convert my --children KVCache,Rot", "kvcache convert my --children KVCache,RotatingKVCache:"),
            ("kvcache quantize gemma.safetensors --layers 0,1-", "kvcache quantize gemma.safetensors --layers 0,1-"),
            ("kvcache quantize gemma.safetensors --layers 0,", "kvcache quantize gemma.safetensors --layers 0,"),
            ("kvcache quantize gemma.safetensors --bits 8", "kvcache quantize gemma.safetensors --bits 8 "),
            ("kvcache quantize gemma.safetensors --group-size 1", "kvcache quantize gemma.safetensors --group-size 128 "),
            ("kvcache verify --model sh", "kvcache verify --model sh"),
            ("kvcache prune d", "kvcache prune deep/"),
            ("kvcache trim gemma.safetensors --la", "kvcache trim gemma.safetensors --last "),
            ("kvcache explain RotatingK", "kvcache explain RotatingKVCache "))

    @needs("bash")
    def test_bash(self):
        for typed, line in [*self.UNIQUE, *self.BASH, *self.stored]:
            self.assertEqual(self.bash(typed), line)

    # It takes @ off the characters at which bash splits words, and sets options of its own.
    BASH_COMPLETION = "/usr/share/bash-completion/bash_completion"

    @needs("bash")
    @unittest.skipUnless(os.path.exists(BASH_COMPLETION), "bash-completion is missing: scripts/setup --ci installs it")
    def test_bash_with_bash_completion(self):
        for typed, line in [*self.UNIQUE, *self.BASH, *self.stored]:
            self.assertEqual(self.bash(typed, "source %s; " % self.BASH_COMPLETION), line)

    @needs("zsh")
    def test_zsh(self):
        for typed, line in [*self.UNIQUE, *self.stored]:
            self.assertEqual(self.zsh(typed).rstrip(), line.rstrip())

    @needs("fish")
    def test_fish(self):
        self.assertEqual(self.fish("kvcache quan"), ["quantize"])
        self.assertEqual(self.fish("kvcache convert my --to mlx-swift-lm@2"), ["mlx-swift-lm@2026-08"])
        self.assertEqual(self.fish("kvcache convert --to=mlx-lm@2"), ["--to=mlx-lm@2026-08"])
        self.assertEqual(self.fish("kvcache inspect gem"), ["gemma.safetensors"])
        self.assertEqual(self.fish("kvcache inspect my"), ["my chat.safetensors"])
        self.assertEqual(self.fish("kvcache mask 'my chat.safetensors' --layer "), ["0", "1", "2", "3"])
        self.assertEqual(self.fish("kvcache metadata my\\ chat.safetensors get n"), ["n_tokens"])
        self.assertEqual(self.fish("kvcache verify --model d"), ["deep/"])
        self.assertEqual(self.fish("kvcache estimate --config=gem"), ["--config=gemma.safetensors"])
        self.assertEqual(self.fish("kvcache trim my -n "), [])
        self.assertEqual(self.fish("kvcache store rm --store=chats --label my"), ["my trip"])
        for typed, line in self.stored:
            self.assertEqual(self.fish(typed), [line.split()[-1]])


if __name__ == "__main__":
    skips.main()
