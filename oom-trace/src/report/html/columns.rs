//! Which columns the table has: none is empty from top to bottom.

use super::row::Row;

/// Those that something is known for, but for the first two: when, and who.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "one for each column")]
pub(super) struct Columns {
    pub(super) place: bool,
    pub(super) limit: bool,
    pub(super) size: bool,
    pub(super) held: bool,
    pub(super) back: bool,
    pub(super) nth: bool,
    pub(super) host: bool,
}

impl Columns {
    pub(super) fn of(rows: &[Row<'_>]) -> Self {
        let any = |is: fn(&Row<'_>) -> bool| rows.iter().any(is);
        Self {
            place: any(|row| row.incident.place.is_some()),
            limit: any(|row| row.limit.is_some()),
            size: any(|row| !row.limit_size.is_empty()),
            held: any(|row| !row.held.is_empty()),
            back: any(|row| !row.back.is_empty()),
            nth: any(|row| row.of > 0),
            host: any(|row| row.incident.host.is_some()),
        }
    }

    /// How wide each is, as a rule of CSS: a grid has as many tracks as there are columns.
    pub(super) fn rule(&self) -> String {
        let Self { place, limit, size, held, back, nth, host } = *self;
        let tracks = [
            (true, "11rem"),
            (true, "1.2fr"),
            (place, "1.6fr"),
            (limit, "1.8fr"),
            (size, "5rem"),
            (held, "5rem"),
            (back, "5rem"),
            (nth, "4.5rem"),
            (host, ".8fr"),
        ];
        let tracks: Vec<_> =
            tracks.iter().filter(|(is_there, _)| *is_there).map(|(_, track)| *track).collect();
        format!("#all tr{{grid-template-columns:{}}}\n", tracks.join(" "))
    }
}
