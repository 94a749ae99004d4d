"""Headless Chromium, spoken to over a pipe: https://chromedevtools.github.io/devtools-protocol/.

    with Browser() as browser:
        seconds = browser.open("/path/to/page.html", width=360, dark=True, script=False)
        browser.evaluate("document.title"); browser.screenshot("page.png"); browser.pdf("page.pdf"); browser.press("Tab")
"""
import base64
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE = 60  # seconds for one answer
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, "PageUp": 33, "PageDown": 34, "ArrowLeft": 37, "ArrowRight": 39}


class Browser:
    def __init__(self):
        self.number, self.session, self.buffer = 0, None, b""
        self.folder = tempfile.mkdtemp(prefix="winnow-chromium-")
        to_it, self.to_it = os.pipe()
        self.from_it, from_it = os.pipe()
        # Chromium reads commands at 3 and writes answers at 4
        self.process = subprocess.Popen(
            ["bash", "-c", 'exec "$@" 3<&$IN 4>&$OUT', "bash", PROGRAM, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-extensions", "--disable-background-networking", "--hide-scrollbars", "--remote-debugging-pipe", f"--user-data-dir={self.folder}", "about:blank"],
            env={**os.environ, "IN": str(to_it), "OUT": str(from_it)}, pass_fds=[to_it, from_it], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(to_it)
        os.close(from_it)
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.send("Page.enable")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        with contextlib.suppress(OSError):
            self.session = None
            self.send("Browser.close")
        self.process.kill()
        self.process.wait()
        os.close(self.to_it)
        os.close(self.from_it)
        shutil.rmtree(self.folder, ignore_errors=True)

    def read(self):
        while b"\0" not in self.buffer:
            data = os.read(self.from_it, 1 << 20)
            if not data:
                raise OSError("chromium ended")
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def send(self, method, **parameters):
        self.number += 1
        command = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            command["sessionId"] = self.session
        os.write(self.to_it, json.dumps(command).encode() + b"\0")
        return self.wait(lambda message: message.get("id") == self.number)

    def wait(self, wanted):
        while True:
            message = self.read()
            if wanted(message):
                if "error" in message:
                    raise OSError(message["error"]["message"])
                return message.get("result", message.get("params"))

    def open(self, path, width=1280, height=900, dark=False, script=True, scale=1):
        """Seconds from the wish for the page to its load event."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False)
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.send("Emulation.setScriptExecutionDisabled", value=not script)
        begun = time.monotonic()
        self.send("Page.navigate", url=pathlib.Path(path).absolute().as_uri())
        self.wait(lambda message: message.get("method") == "Page.loadEventFired")
        return time.monotonic() - begun

    def evaluate(self, expression):
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise OSError(result["exceptionDetails"]["text"])
        return result["result"].get("value")

    def press(self, key):
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=KEYS[key])

    def screenshot(self, path, whole=True):
        picture = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole, **({"clip": self.whole()} if whole else {}))
        pathlib.Path(path).write_bytes(base64.b64decode(picture["data"]))

    def whole(self):
        size = self.send("Page.getLayoutMetrics")["cssContentSize"]
        return {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}

    def pdf(self, path):
        printed = self.send("Page.printToPDF", printBackground=False, paperWidth=8.27, paperHeight=11.69)
        pathlib.Path(path).write_bytes(base64.b64decode(printed["data"]))
