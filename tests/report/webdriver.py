"""A headless Chromium, driven by chromedriver over plain HTTP (W3C WebDriver)."""
import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key that the standard gives to references


def available():
    return shutil.which("chromedriver") is not None and shutil.which("chromium") is not None


def _free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Browser:
    """One browser with one window; `downloads` is where it saves files."""

    def __init__(self, profile, downloads, size=(1440, 900)):
        port = _free_port()
        self._driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        self._base = f"http://127.0.0.1:{port}"
        self._session = ""
        self._wait()
        options = {
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     f"--window-size={size[0]},{size[1]}", f"--user-data-dir={profile}"],
            "prefs": {"download.default_directory": str(downloads)},
        }
        capabilities = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        answer = self._call("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self._session = "/session/" + answer["sessionId"]

    def _wait(self):
        for _ in range(200):
            try:
                with urllib.request.urlopen(self._base + "/status", timeout=2):
                    return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("chromedriver does not answer")

    def _call(self, method, path, body=None):
        request = urllib.request.Request(self._base + path, method=method, headers={"Content-Type": "application/json"},
                                         data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode()[:500]) from error

    def close(self):
        try:
            if self._session:
                self._call("DELETE", self._session)
        finally:
            self._driver.terminate()
            self._driver.wait()

    def go(self, url):
        self._call("POST", self._session + "/url", {"url": url})

    def script(self, text, *args):
        """Runs the body of a function; what it returns."""
        return self._call("POST", self._session + "/execute/sync", {"script": text, "args": list(args)})

    def press(self, *keys):
        """Presses and releases keys, one after the other, where the focus is."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._call("POST", self._session + "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def click(self, x, y):
        """Clicks at a point of the window."""
        actions = [{"type": "pointerMove", "duration": 0, "x": round(x), "y": round(y)},
                   {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        self._call("POST", self._session + "/actions",
                   {"actions": [{"type": "pointer", "id": "mouse", "actions": actions}]})

    def size(self, width, height):
        self._call("POST", self._session + "/window/rect", {"width": width, "height": height})

    def screenshot(self):
        return base64.b64decode(self._call("GET", self._session + "/screenshot"))

    def log(self):
        """What the console said since it was last asked."""
        return [entry["message"] for entry in self._call("POST", self._session + "/se/log", {"type": "browser"})]


class Keys:
    """Code points of keys without a character (WebDriver, 17.4.2)."""
    TAB = "\ue004"
    ENTER = "\ue007"
    ESCAPE = "\ue00c"
    LEFT, UP, RIGHT, DOWN = "\ue012", "\ue013", "\ue014", "\ue015"
