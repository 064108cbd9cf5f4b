//! Reading server-sent events (WHATWG HTML, section 9.2.6), as far as our host sends
//! them: fields `event`, `id` and `data`, comments skipped.

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its name.
    pub(crate) name: String,
    /// Its id, or that of the last before it that had one; empty if none had.
    pub(crate) id: String,
    /// Its data.
    pub(crate) data: String,
}

/// Puts events together from pieces.
#[derive(Debug, Default)]
pub(crate) struct EventReader {
    /// What came of the line that has not ended.
    rest: Vec<u8>,
    name: String,
    id: String,
    data: String,
}

impl EventReader {
    /// Takes a piece and returns the events that it completes.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        // Only the piece is searched, since the rest has no line end.
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.rest);
                let line = String::from_utf8_lossy(&line);
                self.line(line.trim_end_matches(['\r', '\n']), &mut events);
            }
        }
        events
    }

    fn line(&mut self, line: &str, events: &mut Vec<Event>) {
        if line.is_empty() {
            if !self.data.is_empty() {
                let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
                events.push(Event { name, id: self.id.clone(), data });
            }
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "id" => value.clone_into(&mut self.id),
            "data" => {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_together_from_any_pieces() {
        let text = b": alive\n\nevent: task\nid: 1.2\ndata: {\"a\":\ndata: 1}\n\nevent: x\ndata: y\n\n";
        for size in 1..text.len() {
            let mut reader = EventReader::default();
            let events: Vec<_> = text.chunks(size).flat_map(|piece| reader.push(piece)).collect();
            assert_eq!(events.len(), 2, "{size}");
            let id = || "1.2".to_owned();
            assert_eq!(events[0], Event { name: "task".into(), id: id(), data: "{\"a\":\n1}".into() });
            assert_eq!(events[1], Event { name: "x".into(), id: id(), data: "y".into() });
        }
    }
}
