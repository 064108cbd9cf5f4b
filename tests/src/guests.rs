//! The guests, compiled once a run and ready to be packed under any version.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use troupe_package::{Manifest, Profile, Release, write_archive};
use troupe_runtime::admission;

use crate::template::copy;
use crate::{guests_dir, root};

const TARGET: &str = "wasm32-wasip2";

/// A compiled guest.
#[derive(Debug, Clone)]
pub struct Guest {
    /// Its manifest, as its `agent.toml` has it.
    pub manifest: Manifest,
    /// What its component says of itself.
    pub profile: Profile,
    /// Its component.
    pub component: Vec<u8>,
}

/// Every guest.
#[derive(Debug)]
pub struct Guests {
    /// Asks other agents as it is told.
    pub asker: Guest,
    /// Answers what it was asked; says that its version is 1.0.0.
    pub echo: Guest,
    /// The same sources, compiled to say that the version is 2.0.0.
    pub echo_2: Guest,
    /// Quotes prices, in the way that its release is given to by its configuration.
    pub clerk: Guest,
    /// Keeps numbers in state.
    pub counter: Guest,
    /// Publishes events as it is told, and takes them.
    pub herald: Guest,
    /// Misbehaves in one way a skill.
    pub hostile: Guest,
    /// Removes what somebody approved of.
    pub janitor: Guest,
    /// Keeps sums in the form that its release says, and migrates them.
    pub keeper: Guest,
    /// Sends whatever request it is told to; asks for nothing of itself.
    pub fetch: Guest,
    /// Reads and writes files as it is told.
    pub files: Guest,
    /// Takes locks as it is told.
    pub locker: Guest,
    /// Answers in its own words.
    pub parley: Guest,
    /// Says how it is, and ails as it is told.
    pub patient: Guest,
    /// Leaves artefacts as it is told.
    pub scribe: Guest,
    /// Sleeps, and tells what it saw when it woke.
    pub sleeper: Guest,
    /// Does as well or as badly as the configuration in its manifest says.
    pub trial: Guest,
    /// The same sources, compiled to trade in another way.
    pub fetch_2: Guest,
    /// Does a random mixture of everything that an agent can do.
    pub weave: Guest,
}

impl Guests {
    /// The guest of a name, that of its folder.
    pub fn named(&self, name: &str) -> Option<&Guest> {
        let all = [
            &self.asker,
            &self.clerk,
            &self.echo,
            &self.counter,
            &self.herald,
            &self.hostile,
            &self.janitor,
            &self.keeper,
            &self.fetch,
            &self.files,
            &self.locker,
            &self.parley,
            &self.patient,
            &self.scribe,
            &self.sleeper,
            &self.trial,
            &self.weave,
        ];
        all.into_iter().find(|guest| guest.manifest.name.as_str() == name)
    }
}

/// Returns the guests, building them at the first call.
pub fn guests() -> &'static Guests {
    static GUESTS: OnceLock<Guests> = OnceLock::new();
    GUESTS.get_or_init(|| {
        let first = guests_dir().join("1.0.0");
        compile(
            &first,
            "1.0.0",
            &[
                "guest-asker",
                "guest-clerk",
                "guest-echo",
                "guest-counter",
                "guest-herald",
                "guest-hostile",
                "guest-janitor",
                "guest-keeper",
                "guest-fetch",
                "guest-files",
                "guest-locker",
                "guest-parley",
                "guest-patient",
                "guest-scribe",
                "guest-sleeper",
                "guest-trial",
                "guest-weave",
            ],
        );
        let second = guests_dir().join("2.0.0");
        if !second.exists() {
            // What both are made of is there already.
            copy(&first, &second);
        }
        compile(&second, "2.0.0", &["guest-echo", "guest-fetch"]);
        Guests {
            asker: Guest::read("asker", &first),
            echo: Guest::read("echo", &first),
            echo_2: Guest::read("echo", &second),
            clerk: Guest::read("clerk", &first),
            counter: Guest::read("counter", &first),
            herald: Guest::read("herald", &first),
            hostile: Guest::read("hostile", &first),
            janitor: Guest::read("janitor", &first),
            keeper: Guest::read("keeper", &first),
            fetch: Guest::read("fetch", &first),
            files: Guest::read("files", &first),
            locker: Guest::read("locker", &first),
            parley: Guest::read("parley", &first),
            patient: Guest::read("patient", &first),
            scribe: Guest::read("scribe", &first),
            sleeper: Guest::read("sleeper", &first),
            trial: Guest::read("trial", &first),
            fetch_2: Guest::read("fetch", &second),
            weave: Guest::read("weave", &first),
        }
    })
}

/// Compiles guests. Each version has a target directory of its own, so that a run after
/// the first compiles nothing.
fn compile(target: &Path, version: &str, packages: &[&str]) {
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--release", "--locked", "--target", TARGET, "--target-dir"])
        .arg(target)
        .args(packages.iter().flat_map(|package| ["--package", package]))
        .current_dir(root().join("tests").join("guests"))
        .env("TROUPE_GUEST_VERSION", version)
        // Flags for this machine's tests, such as coverage, are not for guests.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    let built = cargo.output().expect("cargo starts");
    assert!(built.status.success(), "the guests do not build:\n{}", String::from_utf8_lossy(&built.stderr));
}

impl Guest {
    fn read(name: &str, target: &Path) -> Self {
        let text =
            std::fs::read_to_string(root().join("tests/guests").join(name).join("agent.toml")).expect("a manifest");
        let wasm = target.join(TARGET).join("release").join(format!("guest_{name}.wasm"));
        let component = std::fs::read(wasm).expect("a component");
        Self { manifest: Manifest::parse(&text).expect("a good manifest"), profile: describe(&component), component }
    }

    /// Packs the guest under a version.
    pub fn release(&self, version: &str) -> Release {
        let version = version.parse().expect("a version");
        let manifest = Manifest { version, ..self.manifest.clone() };
        Release { manifest, profile: self.profile.clone(), component: self.component.clone() }
    }

    /// Packs the guest under a version, as the bytes that are published.
    pub fn archive(&self, version: &str) -> Vec<u8> {
        packed(&self.release(version))
    }

    /// The same guest with other bytes: its component gets a custom section, which says
    /// nothing to the engine.
    #[must_use]
    pub fn marked(&self, mark: u32) -> Self {
        let mut marked = self.clone();
        // A custom section (id 0) of 9 bytes: a name of 4, and the mark.
        marked.component.extend([0, 9, 4]);
        marked.component.extend(b"mark");
        marked.component.extend(mark.to_le_bytes());
        marked
    }

    /// The same guest, asking for capabilities, written as a manifest has them.
    #[must_use]
    pub fn asking(&self, capabilities: Value) -> Self {
        let mut asking = self.clone();
        asking.manifest.capabilities = serde_json::from_value(capabilities).expect("good capabilities");
        asking
    }

    /// The same guest saying something else of itself: a text of its component in place of one
    /// that is as long, and in its profile. Texts are told apart by what they say, so the old
    /// one must be longer than what a compiler keeps within code.
    #[must_use]
    pub fn saying(&self, old: &str, new: &str) -> Self {
        assert_eq!(old.len(), new.len(), "the texts have to be as long as each other");
        let mut saying = self.clone();
        let places: Vec<usize> = (0..saying.component.len().saturating_sub(old.len()))
            .filter(|at| saying.component[*at..].starts_with(old.as_bytes()))
            .collect();
        assert!(!places.is_empty(), "the component does not hold `{old}` in one piece");
        for at in places {
            saying.component[at..at + old.len()].copy_from_slice(new.as_bytes());
        }
        let profile = String::from_utf8(saying.profile.to_json()).expect("text");
        let quoted = |text: &str| serde_json::to_string(text).expect("a text").trim_matches('"').to_owned();
        saying.profile = Profile::parse(&profile.replace(&quoted(old), &quoted(new))).expect("a good profile");
        saying
    }

    /// The same guest under the name of another agent.
    #[must_use]
    pub fn called(&self, name: &str) -> Self {
        let mut called = self.clone();
        called.manifest.name = name.parse().expect("a name");
        called
    }

    /// The same guest with triggers, written as a manifest has them.
    #[must_use]
    pub fn triggered(&self, triggers: Value) -> Self {
        let mut triggered = self.clone();
        triggered.manifest.triggers = serde_json::from_value(triggers).expect("good triggers");
        triggered
    }

    /// The same guest with another check of its health, written as a manifest has it; with none if it is null.
    #[must_use]
    pub fn checked(&self, health: Value) -> Self {
        let mut checked = self.clone();
        checked.manifest.health = serde_json::from_value(health).expect("a good check");
        checked
    }

    /// The same guest with other values in the configuration of its manifest.
    #[must_use]
    pub fn configured(&self, values: &Value) -> Self {
        let mut configured = self.clone();
        let values = values.as_object().expect("an object").clone();
        configured.manifest.configuration.extend(values);
        configured
    }

    /// The same guest with another `state.version`, that reads itself and perhaps others.
    #[must_use]
    pub fn keeping(&self, version: u32, reads: &str) -> Self {
        let mut keeping = self.clone();
        let state = serde_json::json!({ "version": version, "reads": reads });
        keeping.manifest.state = serde_json::from_value(state).expect("a good range");
        keeping
    }

    /// The same guest with another component under its manifest and profile.
    #[must_use]
    pub fn with_component(&self, component: Vec<u8>) -> Self {
        Self { component, ..self.clone() }
    }
}

/// Writes a release as an archive.
pub fn packed(release: &Release) -> Vec<u8> {
    let mut archive = Vec::new();
    write_archive(release, &mut archive).expect("a release that can be packed");
    archive
}

/// Asks a component for its profile, in a thread with a runtime of its own, since this
/// may be called within one.
fn describe(component: &[u8]) -> Profile {
    std::thread::scope(|scope| {
        let described = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(admission::check(component)).expect("a good guest").profile
        });
        Profile::parse(&described.join().expect("a description")).expect("a good profile")
    })
}
