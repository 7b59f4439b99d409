//! Pictures as SVG: medians with the span from p10 to p90, titles, units, words in the place of names.

use crate::error::BenchError;
use crate::fit::Fit;
use crate::report::{Entry, Impl, Report};
use crate::text::{number, power, words};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::collections::BTreeMap;
use std::fmt::Display;

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// File name without `.svg`.
    pub name: &'static str,
    /// What it shows, for those who do not see it.
    pub caption: String,
    /// The SVG.
    pub svg: String,
}

const WIDTH: u32 = 960;
const FONT: &str = "sans-serif";
const TEXT: u32 = 15;
/// Height of the title.
const TITLE: u32 = 31;
const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
const FAINT: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);

/// Colours that also differ in grey.
fn colour(by: Impl) -> RGBColor {
    match by {
        Impl::Veilpass => RGBColor(0x0b, 0x4f, 0x9c),
        Impl::Ark => RGBColor(0xd9, 0x6c, 0x00),
        Impl::Semaphore => RGBColor(0x7a, 0x7a, 0x7a),
        Impl::Snarkjs => RGBColor(0xa8, 0xa8, 0xa8),
    }
}

/// One line of a picture.
struct Line {
    label: String,
    by: Impl,
    threads: usize,
    median: f64,
    p10: f64,
    p90: f64,
}

impl Line {
    fn of(entry: &Entry) -> Line {
        let s = &entry.summary;
        let label = format!("{}, {}", entry.by, words(&entry.name));
        Line { label, by: entry.by, threads: entry.threads, median: s.median, p10: s.p10, p90: s.p90 }
    }

    /// The median as it stands beside the mark.
    fn value(&self, bar: bool) -> String {
        if bar { self.median.to_string() } else { number(self.median) }
    }
}

/// Lines that share a panel, with its heading. Without a heading there is one panel.
struct Panel {
    heading: Option<String>,
    lines: Vec<Line>,
}

/// A panel for each number of threads, ascending.
fn by_threads(lines: Vec<Line>) -> Vec<Panel> {
    let mut counts: BTreeMap<usize, Vec<Line>> = BTreeMap::new();
    lines.into_iter().for_each(|line| counts.entry(line.threads).or_default().push(line));
    let heading = |threads| if threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") };
    let panel = |(threads, lines)| Panel { heading: Some(heading(threads)), lines };
    counts.into_iter().map(panel).collect()
}

/// Pixels that a text takes at most, in any of the fonts that stand for sans-serif: they differ by a tenth.
fn width(text: &str) -> u32 {
    text.chars().count() as u32 * TEXT * 3 / 5
}

/// All pictures for which there are figures.
pub fn pictures(report: &Report) -> Result<Vec<Picture>, BenchError> {
    let most = report.results.iter().map(|e| e.threads).max().unwrap_or(1);
    let wall = || report.results.iter().filter(|e| e.unit == "ms" && !e.name.ends_with("_cpu"));
    let proofs = ["prove_", "prepare", "present_", "semaphore_prove"];
    let proofs = wall().filter(|e| proofs.iter().any(|p| e.name.starts_with(p))).map(Line::of).collect();
    let checks = wall().filter(|e| e.name.starts_with("verify_") || e.name.starts_with("semaphore_verify"));
    let checks = checks.filter(|e| e.threads == 1 || e.threads == most).map(Line::of).collect();
    let rows = report.results.iter().filter(|e| e.unit == "rows" && e.name != "rows");
    let rows: Vec<Line> =
        rows.map(|e| Line { label: words(&e.name).replace("rows: ", ""), ..Line::of(e) }).collect();
    let mut pictures = Vec::new();
    let wanted: [(&'static str, &str, Vec<Line>); 2] =
        [("proofs", "Time to a proof", proofs), ("verification", "Time to a verdict, per proof", checks)];
    for (name, title, lines) in wanted {
        let axis = "milliseconds, logarithmic; median and p10 to p90";
        pictures.extend(dots(name, title, axis, &by_threads(lines))?);
    }
    pictures.extend(trees(&report.fits)?);
    pictures.extend(bars("rows", "Rows of attest-v1 by gadget and by clause", "rows", rows)?);
    Ok(pictures)
}

fn fault<E: Display>(name: &'static str) -> impl Fn(E) -> BenchError {
    move |cause| BenchError::Picture { name, cause: cause.to_string() }
}

/// Numbers on a logarithmic axis: a point each, with its span.
fn dots(
    name: &'static str,
    title: &str,
    axis: &str,
    panels: &[Panel],
) -> Result<Option<Picture>, BenchError> {
    let lines = || panels.iter().flat_map(|panel| &panel.lines);
    let values = || lines().flat_map(|l| [l.median, l.p10, l.p90]).filter(|x| *x > 0.0);
    let low = values().fold(f64::INFINITY, f64::min);
    let high = values().fold(0.0, f64::max);
    if high <= 0.0 {
        return Ok(None);
    }
    // Whole powers of ten, so that the axis has labels.
    let (low, high) = ((low * 0.8).log10().floor(), (high * 1.05).log10().ceil());
    // A little more on the left: the axis has no label on its very end.
    let (low, high) = (10f64.powf(low) * 0.999, 10f64.powf(high));
    listed(name, title, axis, panels, || (low..high).log_scale(), low, false)
}

/// Numbers on an axis from zero: a bar each.
fn bars(
    name: &'static str,
    title: &str,
    axis: &str,
    lines: Vec<Line>,
) -> Result<Option<Picture>, BenchError> {
    let high = lines.iter().map(|l| l.median).fold(0.0, f64::max);
    if high <= 0.0 {
        return Ok(None);
    }
    let panels = [Panel { heading: None, lines }];
    listed(name, title, axis, &panels, || 0.0..high * 1.02, 0.0, true)
}

const MARGIN: u32 = 16;
/// Between a label or value and what it stands beside.
const GAP: u32 = 10;
const LINE: u32 = 26;
const HEADING: u32 = 28;
const TICKS: u32 = 30;
const AXIS: u32 = 24;
const LEGEND: u32 = 24;

/// One line of a panel for each number, from the top. All panels have the same axis.
fn listed<X>(
    name: &'static str,
    title: &str,
    axis: &str,
    panels: &[Panel],
    range: impl Fn() -> X,
    left: f64,
    bar: bool,
) -> Result<Option<Picture>, BenchError>
where
    X: AsRangedCoord<Value = f64>,
    X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let lines = || panels.iter().flat_map(|panel| &panel.lines);
    let mut legend: Vec<Impl> = lines().map(|line| line.by).collect();
    legend.sort_unstable();
    legend.dedup();
    let legend = if legend.len() > 1 { legend } else { Vec::new() };
    let widest = |text: fn(&Line, bool) -> String| lines().map(|l| width(&text(l, bar))).max().unwrap_or(0);
    let (labels, values) = (widest(|line, _| line.label.clone()), widest(Line::value));
    let heading = |panel: &Panel| if panel.heading.is_some() { HEADING } else { 0 };
    let tall = |panel: &Panel, last: bool| {
        heading(panel) + LINE * panel.lines.len() as u32 + TICKS + if last { AXIS } else { 0 }
    };
    let above = if legend.is_empty() { 0 } else { LEGEND };
    let last = panels.len().saturating_sub(1);
    let height: u32 = panels.iter().enumerate().map(|(i, panel)| tall(panel, i == last)).sum();
    let svg = drawn(name, height + TITLE + above + 2 * MARGIN, title, |area| {
        let fault = fault(name);
        names(&area, &legend).map_err(|e| fault(e.to_string()))?;
        let mut rest = area.split_vertically(above + MARGIN).1;
        for (i, panel) in panels.iter().enumerate() {
            let (place, below) = rest.split_vertically(tall(panel, i == last));
            rest = below;
            let (top, place) = place.split_vertically(heading(panel));
            if let Some(text) = &panel.heading {
                let style = (FONT, TEXT + 1).into_font().style(FontStyle::Bold).color(&INK);
                let style = style.pos(Pos::new(HPos::Left, VPos::Center));
                let text = Text::new(text.clone(), (MARGIN as i32, HEADING as i32 / 2), style);
                top.draw(&text).map_err(|e| fault(e.to_string()))?;
            }
            let mut chart = ChartBuilder::on(&place)
                .margin_left(MARGIN)
                .margin_right(MARGIN + GAP + values)
                .x_label_area_size(TICKS + if i == last { AXIS } else { 0 })
                .y_label_area_size(labels + GAP)
                .build_cartesian_2d(range(), (0..panel.lines.len()).into_segmented())
                .map_err(|e| fault(e.to_string()))?;
            let mut mesh = chart.configure_mesh();
            mesh.disable_y_mesh()
                // The labels are drawn below; without any the mesh is not drawn either.
                .y_labels(panel.lines.len() + 1)
                .y_label_formatter(&|_| String::new())
                .set_tick_mark_size(LabelAreaPosition::Left, 0)
                .light_line_style(TRANSPARENT)
                .bold_line_style(FAINT)
                .x_label_formatter(&|x| number_of_axis(*x))
                .label_style((FONT, TEXT).into_font().color(&INK))
                .axis_desc_style((FONT, TEXT).into_font().color(&INK));
            if i == last {
                mesh.x_desc(axis);
            }
            mesh.draw().map_err(|e| fault(e.to_string()))?;
            // Segments count from the bottom.
            for (place, line) in panel.lines.iter().rev().enumerate() {
                let middle = SegmentValue::CenterOf(place);
                let colour = colour(line.by);
                if bar {
                    let corners =
                        [(left, SegmentValue::Exact(place)), (line.median, SegmentValue::Exact(place + 1))];
                    let mut bar = Rectangle::new(corners, colour.filled());
                    bar.set_margin(5, 5, 0, 0);
                    chart.draw_series([bar]).map_err(|e| fault(e.to_string()))?;
                } else {
                    let guide = PathElement::new([(left, middle.clone()), (line.p90, middle.clone())], FAINT);
                    chart.draw_series([guide]).map_err(|e| fault(e.to_string()))?;
                    let span = [(line.p10, middle.clone()), (line.p90, middle.clone())];
                    let span = PathElement::new(span, colour.mix(0.5).stroke_width(5));
                    chart.draw_series([span]).map_err(|e| fault(e.to_string()))?;
                    let point = Circle::new((line.median, middle.clone()), 5, colour.filled());
                    chart.draw_series([point]).map_err(|e| fault(e.to_string()))?;
                }
                // Beside the axis and beside the mark, by pixels.
                let style = |side| (FONT, TEXT).into_font().color(&INK).pos(Pos::new(side, VPos::Center));
                let label = Text::new(line.label.clone(), (-(GAP as i32), 0), style(HPos::Right));
                let label = EmptyElement::at((left, middle.clone())) + label;
                chart.draw_series([label]).map_err(|e| fault(e.to_string()))?;
                let value = Text::new(line.value(bar), (GAP as i32, 0), style(HPos::Left));
                let value = EmptyElement::at((line.median.max(line.p90), middle)) + value;
                chart.draw_series([value]).map_err(|e| fault(e.to_string()))?;
            }
        }
        Ok(())
    })?;
    let said = |panel: &Panel| {
        let heading = panel.heading.as_ref().map(|heading| format!("{heading}: ")).unwrap_or_default();
        let lines = panel.lines.iter().map(|l| format!("{} {}", l.label, l.value(bar)));
        format!("{heading}{}", lines.collect::<Vec<_>>().join("; "))
    };
    let caption = panels.iter().map(said).collect::<Vec<_>>().join(". ");
    Ok(Some(Picture { name, caption: format!("{title}. {caption}"), svg }))
}

/// Which colour is whose, at the top right.
fn names(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    legend: &[Impl],
) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
    for (place, by) in legend.iter().enumerate() {
        let x = WIDTH as i32 - 110 * (legend.len() - place) as i32;
        area.draw(&Circle::new((x, 10), 6, colour(*by).filled()))?;
        let style = (FONT, TEXT).into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(by.to_string(), (x + 14, 10), style))?;
    }
    Ok(())
}

/// The tree's times against its size, both logarithmic, with the exponents.
fn trees(fits: &[Fit]) -> Result<Option<Picture>, BenchError> {
    let name = "tree";
    let points = || fits.iter().flat_map(|fit| fit.points.iter().copied());
    let bounds = |of: fn((f64, f64)) -> f64| {
        points().map(of).fold((f64::INFINITY, 0.0f64), |(low, high), x| (low.min(x), high.max(x)))
    };
    let ((left, right), (low, high)) = (bounds(|p| p.0), bounds(|p| p.1));
    if fits.is_empty() || left >= right || low <= 0.0 {
        return Ok(None);
    }
    let title = "The authority's tree against its size, 1 thread";
    let svg = drawn(name, 520, title, |area| {
        let fault = fault(name);
        let mut chart = ChartBuilder::on(&area)
            .margin(16)
            .margin_right(40)
            .x_label_area_size(48)
            .y_label_area_size(76)
            .build_cartesian_2d((left..right).log_scale().base(2.0), (low / 2.0..high * 2.0).log_scale())
            .map_err(|e| fault(e.to_string()))?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(FAINT)
            .x_desc("leaves")
            .y_desc("milliseconds")
            .x_labels(16)
            .x_label_formatter(&|x| format!("2^{:.0}", x.log2()))
            .y_label_formatter(&|y| number_of_axis(*y))
            .label_style((FONT, TEXT).into_font().color(&INK))
            .axis_desc_style((FONT, TEXT).into_font().color(&INK))
            .draw()
            .map_err(|e| fault(e.to_string()))?;
        let colours = [colour(Impl::Veilpass), RGBColor(0x2a, 0x8a, 0x4a), colour(Impl::Ark)];
        for (fit, colour) in fits.iter().zip(colours.into_iter().cycle()) {
            let what = match fit.name.as_str() {
                "tree_build" => "building it".to_owned(),
                "tree_update_1" => "changing 1 leaf".to_owned(),
                "tree_update_1000" => "changing 1,000 leaves anywhere".to_owned(),
                other => other.replace('_', " "),
            };
            let label = format!("{what}: size to the power {}", power(fit.exponent));
            let line = LineSeries::new(fit.points.iter().copied(), colour.stroke_width(2)).point_size(4);
            let drawn = chart.draw_series(line).map_err(|e| fault(e.to_string()))?;
            drawn
                .label(label)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(3)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE)
            .border_style(FAINT)
            .label_font((FONT, TEXT).into_font().color(&INK))
            .draw()
            .map_err(|e| fault(e.to_string()))
    })?;
    let caption = fits.iter().map(|f| format!("{}: size to the power {}", f.name, power(f.exponent)));
    Ok(Some(Picture { name, caption: format!("{title}. {}", caption.collect::<Vec<_>>().join("; ")), svg }))
}

/// A white page with a title.
fn drawn(
    name: &'static str,
    height: u32,
    title: &str,
    draw: impl FnOnce(DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), BenchError>,
) -> Result<String, BenchError> {
    let fault = fault(name);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        area.fill(&WHITE).map_err(|e| fault(e.to_string()))?;
        let (top, rest) = area.split_vertically(TITLE);
        let style = (FONT, 21).into_font().color(&INK).pos(Pos::new(HPos::Center, VPos::Center));
        let text = Text::new(title.to_owned(), (WIDTH as i32 / 2, TITLE as i32 / 2 + 3), style);
        top.draw(&text).map_err(|e| fault(e.to_string()))?;
        draw(rest)?;
        area.present().map_err(|e| fault(e.to_string()))?;
    }
    Ok(svg)
}

/// Powers of ten in full.
fn number_of_axis(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::rows;
    use crate::stats::Summary;

    #[test]
    fn pictures_name_what_they_show_and_nothing_is_drawn_of_nothing() {
        let mut report = Report::new(true);
        assert_eq!(pictures(&report).unwrap(), []);
        report.results = rows();
        for (by, median) in [(Impl::Veilpass, 20.0), (Impl::Ark, 600.0)] {
            let summary = Summary { median, p10: median * 0.9, p90: median * 1.3, n: 9 };
            let entry = Entry { name: "prove_cold".into(), by, threads: 2, unit: "ms".into(), summary };
            report.results.push(entry);
        }
        report.fits.extend(Fit::through("tree_build", vec![(1024.0, 10.0), (4096.0, 41.0)]));
        let pictures = pictures(&report).unwrap();
        let names: Vec<&str> = pictures.iter().map(|p| p.name).collect();
        assert_eq!(names, ["proofs", "tree", "rows"]);
        for word in
            ["Time to a proof", "ark, cold proof", "2 threads", "milliseconds", "veilpass", "ark", "600"]
        {
            assert!(pictures[0].svg.contains(word), "{word}");
        }
        assert!(pictures[1].svg.contains("building it: size to the power 1.02"));
        assert!(pictures[2].svg.contains("path"));
    }

    /// A text of an SVG: left, right, top and bottom, and what it says. Letters are taken as wide as in the widest
    /// common font.
    fn texts(svg: &str) -> Vec<([f64; 4], String)> {
        let mut found = Vec::new();
        for part in svg.split("<text ").skip(1) {
            let (head, body) = part.split_once('>').unwrap();
            let of = |name: &str| {
                let (_, rest) = head.split_once(&format!("{name}=\"")).unwrap();
                rest.split_once('"').unwrap().0.to_owned()
            };
            let number = |name: &str| of(name).parse::<f64>().unwrap();
            let said = body.split("</text>").next().unwrap().trim().to_owned();
            if head.contains("rotate") {
                continue;
            }
            let (size, x, y) = (number("font-size"), number("x"), number("y"));
            let wide = said.chars().count() as f64 * size * 0.58;
            let left = match of("text-anchor").as_str() {
                "end" => x - wide,
                "middle" => x - wide / 2.0,
                _ => x,
            };
            // Where the baseline lies depends on the way it is anchored; half a line above and below is enough.
            found.push(([left, left + wide, y - size * 0.5, y + size * 0.5], said));
        }
        found
    }

    fn touching(svg: &str) -> Vec<(String, String)> {
        let texts = texts(svg);
        let apart = |[a, b, c, d]: [f64; 4], [e, f, g, h]: [f64; 4]| b < e || f < a || d <= g || h <= c;
        let mut found = Vec::new();
        for (i, (one, said)) in texts.iter().enumerate() {
            let others = texts[i + 1..].iter().filter(|(other, _)| !apart(*one, *other));
            found.extend(others.map(|(_, other)| (said.clone(), other.clone())));
        }
        found
    }

    #[test]
    fn no_text_touches_another_or_leaves_the_picture() {
        let report = Report::from_json(include_str!("../../docs/benchmarks/results.json")).unwrap();
        let pictures = pictures(&report).unwrap();
        assert_eq!(pictures.len(), 4);
        for picture in &pictures {
            assert_eq!(touching(&picture.svg), [], "{}", picture.name);
            let texts = texts(&picture.svg);
            assert!(texts.len() > 10, "{}", picture.name);
            for ([left, right, ..], said) in texts {
                assert!(left >= 0.0 && right <= f64::from(WIDTH), "{}: {said}", picture.name);
            }
        }
        // The control: a label and a value that run into each other, as they once did.
        let at = |x: u32, anchor: &str, said: &str| {
            format!("<text x=\"{x}\" y=\"9\" text-anchor=\"{anchor}\" font-size=\"12\">\n{said}\n</text>")
        };
        let both = at(100, "end", "S12") + &at(100, "start", "1");
        assert_eq!(touching(&both), [("S12".to_owned(), "1".to_owned())]);
        assert_eq!(touching(&(at(95, "end", "S12") + &at(105, "start", "1"))), []);
    }
}
