//! Pages of runs and of chains: what they say, that they are whole whatever the run is, and what a browser makes of them.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{ebm, stderr, stdout};

/// A network of points that takes no time, with a page every 20 steps.
const POINTS: &str = "--batch-size 16 --set model.hidden=8 --set model.layers=1 --set record.picture_samples=60 --set \
                      record.picture_every=20 --set record.journal_every=5 --backend flex";

/// An energy of points likewise.
const ENERGY: &str = "--batch-size 16 --set model.hidden=[8] --set record.picture_samples=60 --set \
                      record.picture_every=20 --set record.journal_every=5 --set sample.chain.steps=40 --set \
                      objective.contrast.sampler_steps=3 --backend flex";

/// A network of images likewise.
const IMAGES: &str = "--batch-size 4 --set model.widths=[8,8] --set model.blocks=[1,1] --set model.groups=4 --set \
                      model.embedding=8 --set model.frequencies=4 --set record.picture_samples=9 --set \
                      record.picture_every=5 --set record.journal_every=1 --set sample.heun.levels=6 --backend flex";

/// Runs the program, which ends well; what it said.
fn done(words: &str, more: &[&Path]) -> String {
    let words: Vec<&str> = words.split_whitespace().collect();
    let output = ebm(&words).args(more).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", stderr(&output));
    stderr(&output) + &stdout(&output)
}

/// Runs the program, which refuses with a usage error; the error.
fn refused(words: &str, more: &[&Path]) -> String {
    let words: Vec<&str> = words.split_whitespace().collect();
    let output = ebm(&words).args(more).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{words:?}: {}", stderr(&output));
    stderr(&output)
}

fn two_moons(run: &Path, steps: u64) {
    done(&format!("train two-moons {POINTS} --steps {steps} --seed 5 --out"), &[run]);
}

fn page(run: &Path) -> String {
    fs::read_to_string(run.join("report.html")).unwrap()
}

/// The page made anew, which is small, and the same twice.
fn anew(run: &Path) -> String {
    done("report", &[run]);
    let first = page(run);
    done("report", &[run]);
    assert!(first == page(run), "the same folder gives other bytes");
    assert!(first.len() < 3_000_000, "{} bytes", first.len());
    first
}

#[test]
fn a_run_has_a_page_that_says_what_it_is_and_what_it_came_to() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    two_moons(&run, 60);
    let html = page(&run);
    for part in [
        "A network of the kind mlp, with ",
        "learns two-moons by denoising score matching at many noise levels",
        "complete",
        "60 of 60",
        "Running loss",
        "Learning rate",
        "Norm of the gradient",
        "Loss over noise levels",
        "Samples as training goes",
        "Samples on their way from noise",
        "What differs from the preset two-moons",
        "model.hidden",
        "version of ebm",
        "processor",
    ] {
        assert!(html.contains(part), "no {part}");
    }
    assert!(html == anew(&run), "the page of the end is not that of the folder");
    // Figures are there without scripts.
    assert!(
        html.contains("<img src=\"data:image/png;base64,") && html.contains("<div class=\"controls\" hidden")
    );

    assert!(html.contains("<li class=\"drawing\""), "a picture of points is a drawing");

    // An evaluation is kept, and shown.
    let said = done("eval --n 60 --likelihood 0 --backend flex", &[&run]);
    assert!(!said.contains("warning: the evaluation"), "{said}");
    let html = page(&run);
    assert!(html.contains("mmd2_unbiased") && html.contains("figures are at their floor"));
    assert!(html == anew(&run));
}

#[test]
fn a_page_tells_of_resumes_changes_retreats_skips_and_interruptions() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    two_moons(&run, 20);
    done("train --backend flex --steps 40 --set train.learning_rate=7e-4 --resume", &[&run]);
    let html = anew(&run);
    for part in ["What a resume changed at step 20", "train.learning_rate", "0.0007", "settings changed"] {
        assert!(html.contains(part), "no {part}");
    }
    // Measured at the end of each session.
    assert!(html.contains("Loss by noise level") && html.contains("σ = 0.01"));
    let journal = run.join("journal.jsonl");
    let told = fs::read_to_string(&journal).unwrap();
    assert!(told.contains("\"gradient_norm\":") && told.contains("\"event\":\"levels\""), "{told}");
    let more = "{\"event\":\"retreat\",\"reason\":\"the energies drifted apart\",\"step\":20}\n\
                {\"event\":\"skipped\",\"reason\":\"the loss is NaN\",\"skipped\":1,\"step\":21}\n";
    // As if it had been killed before its end.
    let told: String =
        told.lines().filter(|line| !line.contains("\"ended\"")).map(|l| format!("{l}\n")).collect();
    fs::write(&journal, told + more).unwrap();
    fs::remove_file(run.join("model.safetensors")).unwrap();
    let html = anew(&run);
    for part in ["interrupted after", "the energies drifted apart", "1 step was skipped", "--resume"] {
        assert!(html.contains(part), "no {part}");
    }
}

#[test]
fn a_damaged_run_has_a_page_that_says_what_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    two_moons(&run, 40);
    let cut = fs::read(run.join("samples/step-40.png")).unwrap()[..300].to_vec();
    fs::write(run.join("samples/step-20.png"), cut).unwrap();
    fs::write(run.join("samples/film.json"), "{\"step\":").unwrap();
    fs::write(run.join("evaluations.jsonl"), "[]").unwrap();
    fs::write(run.join("journal.jsonl"), b"{\"event\":\"progress\",\"step\":10,\"loss\":1\xff\n\n{]\n")
        .unwrap();
    let html = anew(&run);
    for part in
        ["picture of step 20 cannot be shown", "film.json", "evaluations.jsonl", "lines cannot be read"]
    {
        assert!(html.contains(part), "no {part}");
    }
    for file in ["journal.jsonl", "samples/film.json", "evaluations.jsonl", "data.json", "content.toml"] {
        let _ = fs::remove_file(run.join(file));
    }
    fs::remove_dir_all(run.join("samples")).unwrap();
    let html = anew(&run);
    assert!(html.contains("journal.jsonl cannot be read") && html.contains("tells of no progress yet"));
    fs::write(run.join("journal.jsonl"), "").unwrap();
    assert!(anew(&run).contains("tells of no progress yet"));
}

#[test]
fn what_is_no_run_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    assert!(refused("report", &[&at("none")]).contains("none is no run: it has no config.toml"));
    two_moons(&at("run"), 5);
    let model = at("run/model.safetensors");
    assert!(refused("report", &[&model]).contains("model.safetensors is no run"));
    let said = refused("report --out", &[&at("a.png"), &at("run")]);
    assert!(said.contains("the extension must be .html"), "{said}");
    fs::write(at("run/config.toml"), "steps = [").unwrap();
    assert!(refused("report", &[&at("run")]).contains("config.toml"));
    assert!(!at("a.png").exists());
}

#[test]
fn a_page_that_cannot_be_written_is_said_and_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    two_moons(&run, 20);
    fs::remove_file(run.join("report.html")).unwrap();
    fs::create_dir(run.join("report.html")).unwrap();
    let said = done("train --backend flex --steps 80 --resume", &[&run]);
    assert!(
        said.contains("warning: the run's page was not written") && said.contains("done: 80 steps"),
        "{said}"
    );
}

#[test]
fn names_of_runs_are_text_whatever_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let name = "<img src=x onerror=alert(1)>\"'";
    let run = folder.path().join(name);
    two_moons(&run, 10);
    let html = anew(&run);
    assert!(!html.contains("<img src=x") && html.contains("&lt;img src=x onerror=alert(1)&gt;"));
    let other = folder.path().join("plain");
    done(&format!("train two-moons {POINTS} --steps 10 --seed 6 --out"), &[&other]);
    let out = folder.path().join("both.html");
    done("report --out", &[&out, &run, &other]);
    let html = fs::read_to_string(out).unwrap();
    assert!(!html.contains("<img src=x") && html.contains("&lt;img src=x onerror=alert(1)&gt;"));
    // What differs is the seed alone.
    let differs = html.split("What differs</h2>").nth(1).unwrap();
    assert!(differs.contains("seed") && !differs.contains("batch_size"), "{differs}");
}

/// A program that shows pages, if there is one.
fn browser() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    #[expect(clippy::disallowed_methods, reason = "where programs are")]
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    found.into_iter().find(|program| program.is_file())
}

/// What is looked at in a page once it is loaded: everything that is wrong is told to the page around it.
const PROBE: &str = r#"<script>
addEventListener("load", () => setTimeout(() => {
  const faults = [];
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const box = (element) => element.getBoundingClientRect();
  const wide = document.documentElement.scrollWidth;
  if (innerWidth + 1 < wide) faults.push(`the page is ${wide} wide in ${innerWidth}`);
  const figures = all("figure");
  if (!figures.length) faults.push("no figure");
  for (const figure of figures) {
    const { width, height } = box(figure);
    if (width < 100 || height < 60) faults.push(`a figure of ${width} × ${height}: ${figure.innerText.slice(0, 40)}`);
  }
  for (const image of all("img")) {
    if (!image.alt.trim()) faults.push("a picture without a text");
    if (!image.complete || !image.naturalWidth) faults.push(`a picture that is not shown: ${image.alt}`);
    const isTurned = getComputedStyle(image).filter !== "none";
    const isDrawing = Boolean(image.closest(".drawing"));
    if (isTurned !== (isDrawing && matchMedia("(prefers-color-scheme: dark)").matches)) faults.push(`the wrong paper: ${image.alt}`);
  }
  for (const svg of all("svg[role=img]")) {
    const label = svg.getAttribute("aria-label") || "";
    if (!label.trim()) faults.push("a chart without a text");
    if (box(svg).width < 150 || box(svg).height < 100) faults.push(`a chart that is too small: ${label}`);
    for (const kind of ["x", "y"]) {
      const boxes = all(`text.${kind}`, svg).map(box);
      if (boxes.length < 2) faults.push(`${boxes.length} ticks along ${kind}: ${label}`);
      for (const a of boxes) {
        if (a.left < 0 || innerWidth < a.right) faults.push(`a tick outside of the page: ${label}`);
        for (const b of boxes) {
          if (a !== b && a.left < b.right && b.left < a.right && a.top + 2 < b.bottom && b.top + 2 < a.bottom) faults.push(`ticks along ${kind} overlap: ${label}`);
        }
      }
    }
  }
  for (const line of all("polyline")) if (!line.getAttribute("points").includes(" ")) faults.push("an empty curve");
  const light = (text) => {
    const [r, g, b] = text.match(/[\d.]+/g).slice(0, 3).map((v) => { const c = v / 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  for (const element of all("h1, h2, p, dt, dd, td, th, a, li, text, summary, figcaption, button")) {
    let behind = element;
    while (behind && getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
    const style = getComputedStyle(element);
    const [a, b] = [light(element.localName === "text" ? style.fill : style.color), light(behind ? getComputedStyle(behind).backgroundColor : "rgb(255, 255, 255)")];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faults.push(`a contrast of ${contrast.toFixed(1)}: ${element.textContent.slice(0, 40)}`);
  }
  for (const controls of all(".controls")) {
    const [slider, output, button] = ["input", "output", "button"].map((name) => controls.querySelector(name));
    if (controls.hidden || slider.tabIndex < 0 || button.tabIndex < 0) faults.push("controls that a keyboard does not reach");
    if (!slider.getAttribute("aria-label")) faults.push("a slider without a name");
    const before = output.textContent;
    slider.value = "0";
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    if (!before || before === output.textContent) faults.push(`a slider that moves nothing: ${before}`);
    slider.value = slider.max;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    if (before !== output.textContent) faults.push("a slider that does not come back");
  }
  parent.postMessage({ dark: matchMedia("(prefers-color-scheme: dark)").matches, width: innerWidth, figures: figures.length, faults: Array.from(new Set(faults)).slice(0, 20) }, "*");
}, 50));
</script>"#;

/// What a browser finds wrong with a page in a frame of this width.
fn found(browser: &Path, page: &Path, width: u32, is_dark: bool) -> serde_json::Value {
    let folder = tempfile::tempdir().unwrap();
    let html = fs::read_to_string(page).unwrap();
    fs::write(folder.path().join("page.html"), html + PROBE).unwrap();
    let around = format!(
        "<!DOCTYPE html><html><head><meta name='color-scheme' content='light dark'></head><body><iframe src='page.html' \
         width='{width}' height='900' style='border:0'></iframe><script>addEventListener('message', (event) => \
         {{ document.body.dataset.found = encodeURIComponent(JSON.stringify(event.data)); }});</script></body></html>"
    );
    let outer = folder.path().join("around.html");
    fs::write(&outer, around).unwrap();
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--window-size=1500,1000",
            "--virtual-time-budget=4000",
        ])
        .args(["--enable-logging=stderr", "--v=0", "--dump-dom"])
        .arg(format!("--blink-settings=preferredColorScheme={}", if is_dark { 0 } else { 1 }))
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("file://{}", outer.display()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let console: Vec<&str> = said.lines().filter(|line| line.contains(":CONSOLE:")).collect();
    assert!(console.is_empty(), "{}: {console:?}", page.display());
    let dom = String::from_utf8_lossy(&output.stdout);
    let data = dom.split("data-found=\"").nth(1).and_then(|rest| rest.split('"').next());
    let data = data.unwrap_or_else(|| panic!("{}: the browser told nothing: {said}", page.display()));
    serde_json::from_str(&decoded(data)).unwrap()
}

/// The text that `encodeURIComponent` was given.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if let (b'%', Some(digits)) = (first, after.get(..2)) {
            bytes.push(u8::from_str_radix(str::from_utf8(digits).unwrap(), 16).unwrap());
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// A run or chains of each kind, with a page: its name and where it is.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let at = |name: &str| folder.join(name);
    two_moons(&at("points"), 60);
    // Pictures between would take too much of so short a time.
    fs::copy(at("points/samples/step-60.png"), at("points/samples/step-20.png")).unwrap();
    done("eval --n 60 --likelihood 0 --backend flex", &[&at("points")]);
    done(&format!("train two-moons-cd {ENERGY} --steps 60 --out"), &[&at("energy")]);
    done(&format!("train glyphs {IMAGES} --steps 20 --out"), &[&at("images")]);
    let row = |i: i32| format!("{},{},{}\n", i % 7, (i * i) % 11, (3 * i) % 5);
    fs::write(at("t.csv"), format!("height,<b>width,age\n{}", (0..80).map(row).collect::<String>())).unwrap();
    done(&format!("train table {POINTS} --steps 40 --data"), &[&at("t.csv"), "--out".as_ref(), &at("table")]);
    done("report --out", &[&at("side.html"), &at("points"), &at("energy"), &at("table")]);
    let chains = "sample banana --sampler hmc --draws 200 --burn-in 100 --backend flex --out";
    done(chains, &[&at("draws.npy"), "--report".as_ref(), &at("chains.html")]);
    let runs = ["points", "energy", "images", "table"].map(|name| at(name).join("report.html"));
    runs.into_iter().chain([at("side.html"), at("chains.html")]).collect()
}

#[test]
#[allow(clippy::print_stderr, reason = "a skipped test says so")]
fn in_a_browser_figures_are_seen_at_any_width_in_light_and_dark_and_nothing_goes_wrong() {
    let Some(browser) = browser() else {
        eprintln!("skipped: no chromium; the package chromium has it");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for page in pages(folder.path()) {
        for (width, is_dark) in [(400, false), (400, true), (1400, false), (1400, true)] {
            let found = found(&browser, &page, width, is_dark);
            assert_eq!((&found["width"], &found["dark"]), (&width.into(), &is_dark.into()), "{found}");
            if found["faults"] != serde_json::json!([]) {
                wrong.push(format!("{} at {width}, dark {is_dark}: {}", page.display(), found["faults"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn energies_have_landscapes_images_a_film_and_tables_their_columns() {
    let folder = tempfile::tempdir().unwrap();
    let pages: Vec<String> =
        pages(folder.path()).iter().map(|page| fs::read_to_string(page).unwrap()).collect();
    let [points, energy, images, table, side, chains] = pages.as_slice() else { panic!("{}", pages.len()) };
    assert!(points.contains("class=\"still\"") && !points.contains("class=\"contour\""));
    for part in ["class=\"contour\"", "The landscape, with samples", "Energies", "two-moons-cd"] {
        assert!(energy.contains(part), "no {part}");
    }
    assert!(images.contains("From noise to samples") && images.contains("data-rows=\"6\""));
    assert!(!images.contains("<li class=\"drawing\""), "digits are no drawing on white");
    for part in ["&lt;b&gt;width", "where its values lie", "t.csv"] {
        assert!(table.contains(part), "no {part}");
    }
    assert!(side.contains("3 runs") && side.contains("mmd2_unbiased") && side.contains("objective.kind"));
    for part in
        ["banana, hmc", "Trace of x0", "Ranks of x1", "Autocorrelation of x0", "class=\"contour\"", "R-hat"]
    {
        assert!(chains.contains(part), "no {part}");
    }
    assert!(pages.iter().all(|page| page.len() < 3_000_000));
}
