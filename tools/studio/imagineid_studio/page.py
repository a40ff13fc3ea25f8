"""The page itself: its layout, and the action of each button."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from imagineid import avatars
from imagineid.errors import ImagineIDError
from imagineid_studio.job import Cancelled, Job, Watched
from imagineid_studio.studio import (
    AGES,
    AS_HEARD,
    EMOTIONS,
    SEXES,
    WORDS,
    Studio,
    VideoSettings,
)

NO_AVATAR = "no avatar"
OWN_SIZE = "the model's own"
NO_VOICE = "⚠ Drop or record a voice first."

CSS = """
.gradio-container { max-width: 1100px !important; margin: auto; }
#faces .grid-wrap { max-height: none; }
#download:not(:has(a)) { display: none; }
footer { display: none !important; }
.gradio-container > .main { padding: 16px clamp(8px, 3vw, 32px) !important; }
"""

FIRST_SEED = 7
"""Of the face that is shown where none was chosen."""

NOTE = "Every face here is made by a machine and is no real person's; every video says so."


def theme() -> gr.themes.Base:
    """Return a theme whose fonts are the system's: nothing is fetched from elsewhere."""
    fonts = ["system-ui", "sans-serif"]
    return gr.themes.Soft(primary_hue="indigo", font=fonts, font_mono=["ui-monospace", "monospace"])


def page(studio: Studio) -> gr.Blocks:
    """Lay out the page.

    Args:
        studio: what the buttons do.
    """
    with gr.Blocks(title="imagineid studio", analytics_enabled=False) as blocks:
        gr.Markdown(f"# imagineid studio\nA face imagined from a voice. {NOTE}")
        job: gr.State = gr.State()
        seed = gr.State(FIRST_SEED)
        video_path: gr.State = gr.State()
        with gr.Row():
            with gr.Column(scale=1, min_width=320):
                audio = gr.Audio(
                    sources=["upload", "microphone"],
                    type="filepath",
                    label="1. The voice",
                    buttons=["download"],
                    elem_id="audio",
                )
                heard_text = gr.Markdown("Nothing was heard yet.", elem_id="heard")
                with gr.Row():
                    sex = gr.Radio(SEXES, value=AS_HEARD, label="Who speaks", elem_id="sex")
                    age = gr.Dropdown(AGES, value=AS_HEARD, label="How old", elem_id="age")
                prompt = gr.Textbox(
                    label="2. The look", info="Such as: long red hair, glasses", elem_id="prompt"
                )
                words = gr.Dropdown(
                    [word for group in WORDS.values() for word in group],
                    multiselect=True,
                    label="Words that work",
                    info="Choose any of them.",
                    elem_id="words",
                )
                with gr.Row():
                    emotion = gr.Dropdown(
                        [AS_HEARD, *EMOTIONS], value=AS_HEARD, label="Feeling", elem_id="emotion"
                    )
                    strength = gr.Slider(0, 1, 1, step=0.05, label="Strength", elem_id="strength")
            with gr.Column(scale=1, min_width=320):
                gr.Markdown("**3. The face: choose one**")
                faces = gr.Gallery(
                    show_label=False,
                    buttons=[],
                    columns=3,
                    height="auto",
                    allow_preview=False,
                    interactive=False,
                    format="png",
                    elem_id="faces",
                )
                with gr.Row():
                    imagine = gr.Button("Imagine faces", elem_id="imagine")
                    others = gr.Button("Other faces", elem_id="others")
                chosen = gr.Markdown(_chosen_text(FIRST_SEED), elem_id="chosen")
                avatar = gr.Dropdown(
                    [NO_AVATAR, *avatars.saved()],
                    value=NO_AVATAR,
                    label="or a saved avatar",
                    elem_id="avatar",
                )
        with gr.Accordion("Size, shape, background", open=False, elem_id="output"), gr.Row():
            size = gr.Dropdown(
                [OWN_SIZE, "256", "384", "512", "768", "1024"], value=OWN_SIZE, label="Pixels"
            )
            aspect = gr.Radio(["1:1", "9:16", "16:9"], value="1:1", label="Shape")
            background = gr.Textbox(
                label="Background", info="transparent, #00ff00 or a picture's path"
            )
            fps = gr.Dropdown(["24", "25", "30", "50", "60"], value="25", label="Frames a second")
            file = gr.Radio(["mp4", "webm", "mov"], value="mp4", label="File")
        with gr.Row():
            preview = gr.Button("Preview 2 seconds", elem_id="preview")
            render = gr.Button("Render the video", variant="primary", elem_id="render")
            cancel = gr.Button("Cancel", variant="stop", elem_id="cancel")
        status = gr.Markdown("", elem_id="status")
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                video = gr.Video(label="4. The video", elem_id="video", interactive=False)
                download = gr.File(label="Download", elem_id="download", interactive=False)
            with gr.Column(scale=1, min_width=280):
                name = gr.Textbox(label="Save this face as an avatar", info="A name, such as: anna")
                save = gr.Button("Save", elem_id="save")
                remove = gr.Button("Remove the chosen avatar", elem_id="remove")
                saved = gr.Markdown("", elem_id="saved")

        settings_inputs: list[Any] = [prompt, words, sex, age, emotion, strength, seed, avatar]
        written: list[Any] = [size, aspect, background, fps, file]

        audio.change(_hear(studio), audio, heard_text, api_name="hear")
        imagine.click(
            _faces(studio, fresh=False),
            [audio, *settings_inputs],
            [faces, seed, chosen, job],
        )
        others.click(
            _faces(studio, fresh=True),
            [audio, *settings_inputs],
            [faces, seed, chosen, job],
        )
        faces.select(_choose, None, [seed, chosen, avatar])
        for button, make, endpoint in (
            (preview, studio.preview, "preview"),
            (render, studio.render, "render"),
        ):
            button.click(
                _video(make),
                [audio, *settings_inputs, *written],
                [video, download, video_path, status, job],
                api_name=endpoint,
            )
        cancel.click(_cancel, job, status, queue=False)
        save.click(_save(studio), [name, video_path], [avatar, saved])
        remove.click(_remove, avatar, [avatar, saved])
    return blocks


def _settings(
    prompt: str,
    words: list[str] | None,
    sex: str,
    age: str,
    emotion: str,
    strength: float,
    seed: int,
    avatar: str,
) -> VideoSettings:
    """Read the controls that decide the face."""
    description = ", ".join([*(words or []), *([prompt.strip()] if prompt.strip() else [])])
    name = "" if avatar == NO_AVATAR else avatar
    return VideoSettings(description, sex, age, emotion, strength, int(seed), name)


def _hear(studio: Studio) -> Callable[[str | None], str]:
    def hear(audio: str | None) -> str:
        if not audio:
            return "Nothing was heard yet."
        try:
            voice = studio.hear(Path(audio))
        except ImagineIDError as error:
            return f"⚠ {error}"
        summary = f"**Heard:** {voice.description} ({voice.seconds:.1f} s)."
        return f"{summary} Correct it below if it is wrong."

    return hear


def _faces(studio: Studio, fresh: bool) -> Callable[..., Iterator[tuple[Any, ...]]]:
    def imagine(audio: str | None, *values: Any) -> Iterator[tuple[Any, ...]]:
        keep = gr.skip()
        if not audio:
            yield keep, keep, NO_VOICE, None
            return
        settings = _settings(*values)
        if fresh:
            settings = replace(settings, seed=random.SystemRandom().randrange(10**6))
        work = Job(lambda progress: studio.faces(Path(audio), settings, progress))
        for text in work.watched():
            yield keep, keep, text, work.progress
        try:
            faces = work.result()
        except ImagineIDError as error:
            yield keep, keep, _error_text(error), None
            return
        pictures = [(picture, f"face {seed}") for picture, seed in faces]
        yield pictures, settings.seed, f"Choose a face. {_chosen_text(settings.seed)}", None

    return imagine


def _chosen_text(seed: int) -> str:
    """Say which face is chosen; its number is the seed of the command line."""
    return f"Chosen: face {seed}."


def _choose(event: gr.SelectData) -> tuple[int, str, str]:
    caption = event.value["caption"]
    seed = int(str(caption).split()[-1])
    return seed, _chosen_text(seed), NO_AVATAR


def _video(
    make: Callable[[Path, VideoSettings, Watched], Path],
) -> Callable[..., Iterator[tuple[Any, ...]]]:
    def run(audio: str | None, *values: Any) -> Iterator[tuple[Any, ...]]:
        keep = gr.skip()
        if not audio:
            yield keep, keep, keep, NO_VOICE, None
            return
        face, (size, aspect, background, fps, file) = _settings(*values[:8]), values[8:]
        settings = replace(
            face,
            size_px=None if size == OWN_SIZE else int(size),
            aspect=aspect,
            background=background or "",
            fps=int(fps),
            file=file,
        )
        work = Job(lambda progress: make(Path(audio), settings, progress))
        for text in work.watched():
            yield keep, keep, keep, text, work.progress
        try:
            path = work.result()
        except ImagineIDError as error:
            yield keep, keep, keep, _error_text(error), None
            return
        playable = str(path) if path.suffix != ".mov" else None  # browsers do not play ProRes
        yield playable, str(path), str(path), f"Done: {path.name}", None

    return run


def _cancel(progress: Watched | None) -> str:
    if progress is None:
        return "Nothing is running."
    progress.cancel()
    return "Stopping ..."


def _error_text(error: ImagineIDError) -> str:
    """Return an error as the page says it."""
    return "Stopped." if isinstance(error, Cancelled) else f"⚠ {error}"


def _save(studio: Studio) -> Callable[[str, str | None], tuple[Any, str]]:
    def save(name: str, video: str | None) -> tuple[Any, str]:
        try:
            saved = studio.save_avatar(name, Path(video) if video else None)
        except ImagineIDError as error:
            return gr.skip(), _error_text(error)
        return _names(saved), f"Saved the avatar {saved}."

    return save


def _remove(name: str) -> tuple[Any, str]:
    if name == NO_AVATAR:
        return gr.skip(), "⚠ Choose an avatar to remove."
    try:
        avatars.remove(name)
    except ImagineIDError as error:
        return gr.skip(), _error_text(error)
    return _names(NO_AVATAR), f"Removed the avatar {name}."


def _names(chosen: str) -> Any:
    return gr.update(choices=[NO_AVATAR, *avatars.saved()], value=chosen)
