//! Paths to values: `ingress.cidrs`, `metadata.annotations[kubernetes.io/x]`, `policy.Statement.Principal.*`.

/// Most steps of a path.
const STEPS_MAX: usize = 32;

/// A path. A list on the way stands for each of its elements; `*` for each entry of a mapping or list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// As it is written.
    pub text: String,
    /// The keys, outermost first; none for the value itself.
    pub steps: Vec<String>,
}

impl Path {
    /// Reads a path. `.` alone is the value itself; a key with points in it stands in brackets.
    ///
    /// # Errors
    ///
    /// If a step is empty, a bracket has no end, or there are too many steps.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        let mut rest = if text == "." { "" } else { text };
        while !rest.is_empty() {
            let step = if let Some(quoted) = rest.strip_prefix('[') {
                let (step, after) = quoted.split_once(']').ok_or_else(|| format!("`{text}` has `[` without `]`"))?;
                rest = after;
                step
            } else {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                let (step, after) = rest.split_at(end);
                rest = after;
                step
            };
            if step.is_empty() {
                return Err(format!("`{text}` has an empty step"));
            }
            steps.push(step.to_owned());
            rest = rest.strip_prefix('.').unwrap_or(rest);
        }
        if steps.len() > STEPS_MAX {
            return Err(format!("`{text}` has more than {STEPS_MAX} steps"));
        }
        Ok(Self { text: text.to_owned(), steps })
    }

    /// The first step.
    pub fn first(&self) -> Option<&str> {
        self.steps.first().map(String::as_str)
    }
}
