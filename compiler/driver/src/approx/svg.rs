//! The front as an SVG that needs nothing else: cycles to the right, the greatest error upwards in powers of ten, a point
//! for each method, and a line of steps through those that none beats in both.

use svg::Document;
use svg::node::element::{Circle, Group, Line, Path, Rectangle, Style, Text, Title};
use tilewright::approx::{Measured, Request};

use super::report::{error, tried};

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 560.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = WIDTH - 40.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = HEIGHT - 64.0;
/// Least cycles between two ticks.
const TICK: u64 = 5;

const LOOK: &str = "\
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-size: 18px; font-weight: 600 }
.faint { fill: #6b7280 }
.tick { font-size: 12px; fill: #6b7280; font-variant-numeric: tabular-nums }
.below { text-anchor: middle }
.beside { text-anchor: end }
.grid { stroke: #d5d9df; stroke-width: 1 }
.front { stroke: #2563eb; stroke-width: 1.5; fill: none; stroke-dasharray: 4 3 }
";

/// Where figures stand in the picture.
struct Axes {
    /// The greatest number of cycles that has a place.
    cycles: f64,
    /// Powers of ten, the lowest and the highest.
    decades: (i32, i32),
}

impl Axes {
    fn of(measured: &[Measured]) -> Axes {
        let most = measured.iter().map(|m| m.cycles).max().unwrap_or(1);
        let cycles = (most / TICK + 1) * TICK;
        let power = |m: &Measured| m.errors.greatest.max(1e-9).log10().floor() as i32;
        let lowest = measured.iter().map(power).min().unwrap_or(-3);
        let highest = measured.iter().map(power).max().unwrap_or(-1) + 1;
        Axes { cycles: cycles as f64, decades: (lowest, highest) }
    }

    fn x(&self, cycles: f64) -> f64 {
        rounded(LEFT + (RIGHT - LEFT) * cycles / self.cycles)
    }

    fn y(&self, error: f64) -> f64 {
        let (low, high) = (f64::from(self.decades.0), f64::from(self.decades.1));
        rounded(BOTTOM - (BOTTOM - TOP) * (error.max(1e-9).log10() - low) / (high - low))
    }
}

/// The picture as the text of a file.
pub fn svg(request: &Request, measured: &[Measured]) -> String {
    let axes = Axes::of(measured);
    let title = format!("{} in i32.q{}, range {}", request.function().name(), request.fraction(), request.range());
    let note = format!("maximum error over {}, against ALU cycles for each vector", tried(&request.domain()));
    let document = Document::new()
        .set("viewBox", (0, 0, WIDTH, HEIGHT))
        .set("width", WIDTH)
        .set("height", HEIGHT)
        .add(Style::new(LOOK))
        .add(Rectangle::new().set("width", "100%").set("height", "100%").set("fill", "#ffffff"))
        .add(text(32.0, 34.0, "title", &title))
        .add(text(32.0, 56.0, "faint", &note))
        .add(grid(&axes))
        .add(text(f64::midpoint(LEFT, RIGHT), HEIGHT - 20.0, "tick below", "cycles for each vector"))
        .add(front(&axes, measured));
    let document = measured.iter().map(|m| point(&axes, m)).fold(document, Document::add);
    format!("{document}\n")
}

fn grid(axes: &Axes) -> Group {
    let line = |x: [f64; 2], y: [f64; 2]| {
        Line::new().set("x1", x[0]).set("x2", x[1]).set("y1", y[0]).set("y2", y[1]).set("class", "grid")
    };
    let columns = (0..=axes.cycles as u64 / TICK).map(|n| n * TICK);
    let group = columns.fold(Group::new(), |group, cycles| {
        let x = axes.x(cycles as f64);
        group.add(line([x, x], [TOP, BOTTOM])).add(text(x, BOTTOM + 20.0, "tick below", &cycles.to_string()))
    });
    (axes.decades.0..=axes.decades.1).fold(group, |group, decade| {
        let y = axes.y(10f64.powi(decade));
        let label = match decade {
            0 => "1".to_owned(),
            below => format!("{:.*}", below.unsigned_abs() as usize, 10f64.powi(below)),
        };
        group.add(line([LEFT, RIGHT], [y, y])).add(text(LEFT - 10.0, y + 4.0, "tick beside", &label))
    })
}

/// Steps from each point of the front to the next.
fn front(axes: &Axes, measured: &[Measured]) -> Path {
    let mut outline = String::new();
    for m in measured.iter().filter(|m| m.on_front) {
        let (x, y) = (axes.x(m.cycles as f64), axes.y(m.errors.greatest));
        outline.push_str(&if outline.is_empty() { format!("M{x} {y}") } else { format!("H{x}V{y}") });
    }
    Path::new().set("d", outline).set("class", "front")
}

fn point(axes: &Axes, m: &Measured) -> Group {
    let (x, y) = (axes.x(m.cycles as f64), axes.y(m.errors.greatest));
    let fill = if m.on_front { "#2563eb" } else { "#9ca3af" };
    let told = format!("{}: {} cycles, greatest error {}", m.method.name(), m.cycles, error(m.errors.greatest));
    let circle = Circle::new().set("cx", x).set("cy", y).set("r", 5).set("fill", fill).add(Title::new(told));
    Group::new().add(circle).add(text(x + 10.0, y - 8.0, "name", m.method.name()))
}

/// In hundredths of a pixel.
fn rounded(pixels: f64) -> f64 {
    (pixels * 100.0).round() / 100.0
}

fn text(x: f64, y: f64, class: &str, content: &str) -> Text {
    Text::new(content).set("x", rounded(x)).set("y", rounded(y)).set("class", class)
}
