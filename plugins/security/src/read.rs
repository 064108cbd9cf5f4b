//! Reads documents into resources, in the words that the inventories of the agents use.
//!
//! ```text
//! text → values with lines (text) → drafts: type, raw values, references, line → subjects, by the mappings
//! ```
//!
//! Each format has a reader that knows how its documents are built; which raw value becomes which attribute is data,
//! in `mappings`. Kubernetes has no mapping: its objects are told whole.

mod arm;
mod budget;
mod cloudformation;
mod draft;
mod expression;
mod kubernetes;
mod mapping;
mod terraform;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use troupe_estate::{Problem, ProblemKind, Provider, Word};

pub use draft::Draft;
pub use mapping::Mappings;

use crate::judge::Subject;
use crate::text::{self, Node};

/// A document to check.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Its path from where the scan began, with `/`.
    pub name: String,
    /// Its text.
    pub text: String,
    /// What it is; found out from the text if it does not say.
    #[serde(default)]
    pub format: Option<Format>,
}

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// A plan of Terraform, as `terraform show -json` prints it.
    TerraformPlan,
    /// A state of Terraform: what `terraform show -json` prints, or the file itself.
    TerraformState,
    /// A template of CloudFormation, in YAML or JSON.
    CloudFormation,
    /// A template of Azure Resource Manager.
    Arm,
    /// Manifests of Kubernetes, in YAML or JSON.
    Kubernetes,
    /// Any other text, which is searched for secrets alone.
    Text,
}

/// What was read of documents.
#[derive(Debug, Default)]
pub struct Read {
    /// The resources.
    pub subjects: Vec<Subject>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

impl Read {
    /// Notes what could not be read of a document. Codes in lower case are the agent's own.
    pub fn note(&mut self, file: &str, what: &str, code: &str, message: String, kind: ProblemKind) {
        self.problems.push(Problem {
            provider: Provider::Other,
            account: None,
            service: Word::Owned(what.to_owned()),
            region: troupe_estate::GLOBAL.to_owned(),
            operation: "read".into(),
            code: code.to_owned(),
            message,
            kind,
            count: 1,
            resource: Some(file.to_owned()).filter(|file| !file.is_empty()),
            others: Vec::new(),
            every: false,
            hides: Vec::new(),
        });
    }
}

/// Reads documents; what cannot be read of one is a problem beside what the others hold.
pub fn documents(documents: &[Document], mappings: &Mappings) -> Read {
    let mut read = Read::default();
    for document in documents {
        if document.format == Some(Format::Text) {
            continue;
        }
        let nodes = match text::read(&document.text) {
            Ok(nodes) => nodes,
            // A text of which nobody says that it is more is searched for secrets and nothing else.
            Err(_) if document.format.is_none() && !looks_structured(&document.name) => continue,
            Err(error) => {
                read.note(&document.name, "documents", "unreadable", error.to_string(), ProblemKind::Failed);
                continue;
            }
        };
        let mut is_known = false;
        let mut not_known = 0_usize;
        for node in &nodes {
            let format = document.format.or_else(|| format_of(node));
            let drafts = match format {
                Some(Format::TerraformPlan | Format::TerraformState) => terraform::drafts(node),
                Some(Format::CloudFormation) => cloudformation::drafts(node),
                Some(Format::Arm) => arm::drafts(node),
                Some(Format::Kubernetes) => {
                    let (subjects, none) = kubernetes::subjects(node, &document.name);
                    // A list with nothing in it is a list all the same.
                    is_known |= none == 0 || !subjects.is_empty();
                    not_known += none;
                    read.subjects.extend(subjects);
                    continue;
                }
                Some(Format::Text) | None => {
                    not_known += 1;
                    continue;
                }
            };
            is_known = true;
            match drafts {
                Ok(drafts) => mapping::apply(mappings, drafts, &document.name, &mut read),
                Err(why) => read.note(&document.name, "documents", "unreadable", why, ProblemKind::Failed),
            }
        }
        if !is_known && looks_structured(&document.name) {
            let why = "it is no plan or state of Terraform, template of CloudFormation or ARM, or manifest of Kubernetes; it was searched for secrets alone";
            read.note(&document.name, "documents", "unknown_format", why.to_owned(), ProblemKind::NotAvailable);
        } else if is_known && not_known > 0 {
            let why = format!("{not_known} of its parts are nothing that is known here, and no rule looks at them");
            read.note(&document.name, "documents", "unknown_part", why, ProblemKind::NotAvailable);
        }
    }
    if let Err(why) = kubernetes::connect(&mut read.subjects) {
        read.note("", "kubernetes pods", "too_many", why, ProblemKind::Failed);
    }
    read
}

/// The ends of names by which a file is a document, and not just any text.
pub const EXTENSIONS: [&str; 6] = ["json", "yaml", "yml", "template", "tfstate", "tfplan"];

/// Reports whether something of this name is a document, and not just any text.
pub fn looks_structured(name: &str) -> bool {
    let extension = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    EXTENSIONS.contains(&extension.as_str())
}

/// Finds out what a document is by what only one format has.
fn format_of(node: &Node) -> Option<Format> {
    let has = |key: &str| node.get(key).is_some();
    let schema = node.get("$schema").and_then(Node::text).unwrap_or_default().to_ascii_lowercase();
    if has("planned_values") || (has("resource_changes") && has("format_version")) {
        Some(Format::TerraformPlan)
    } else if (has("values") && has("terraform_version")) || (has("lineage") && has("resources")) {
        Some(Format::TerraformState)
    } else if schema.contains("deploymenttemplate.json") {
        Some(Format::Arm)
    } else if has("AWSTemplateFormatVersion") || is_cloudformation(node) {
        Some(Format::CloudFormation)
    } else if has("apiVersion") && has("kind") {
        Some(Format::Kubernetes)
    } else {
        None
    }
}

/// A template need not say that it is one; its resources do.
fn is_cloudformation(node: &Node) -> bool {
    let types = node.get("Resources").into_iter().flat_map(Node::entries).filter_map(|entry| entry.value.get("Type"));
    types.filter_map(Node::text).any(|kind| kind.contains("::"))
}
