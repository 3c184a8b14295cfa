//! temporary
use burn_dataset::Dataset;
use ebm_data::*;
use ebm_ops::Noise;
use std::time::Instant;
fn main() {
    let g = Glyphs::new(&Noise::seeded(1));
    let t = Instant::now();
    let mut s = 0u64;
    for i in 0..20000 {
        s += g.glyph(i).pixels[400] as u64;
    }
    eprintln!("glyphs one core {}/s ({s})", 20000.0 / t.elapsed().as_secs_f64());
    let t = Instant::now();
    for b in 0..300usize {
        s += g.get_many((b * 64..b * 64 + 64).collect()).unwrap()[0].pixels[300] as u64;
    }
    eprintln!("glyphs batches {}/s ({s})", 19200.0 / t.elapsed().as_secs_f64());
    let root = std::path::PathBuf::from(std::env::args().nth(1).unwrap());
    for (d, split) in [("mnist", Split::Train), ("cifar10", Split::Train), ("cifar10", Split::Test)] {
        let t = Instant::now();
        let mut spec = DataSpec::detect(&root.join(d)).unwrap();
        spec.split = split;
        let data = Data::open(&spec, &Noise::seeded(0)).unwrap();
        eprintln!("{d} {split:?} {:?} {:?}", data.len(), t.elapsed());
        let mut b = Batches::new(data, 64.try_into().unwrap(), &Noise::seeded(0));
        let t = Instant::now();
        for i in 0..1000 {
            s += b.read(i).unwrap().values.len() as u64;
        }
        eprintln!("batch of 64: {:?}", t.elapsed() / 1000);
    }
    let mut b =
        Batches::new(Data::toy(Toy::TwoMoons, &Noise::seeded(0)), 256.try_into().unwrap(), &Noise::seeded(0));
    let t = Instant::now();
    for i in 0..1000 {
        s += b.read(i).unwrap().values.len() as u64;
    }
    eprintln!("toy batch of 256: {:?} {s}", t.elapsed() / 1000);
    let mut b = Batches::new(Data::glyphs(&Noise::seeded(0)), 64.try_into().unwrap(), &Noise::seeded(0));
    let t = Instant::now();
    for i in 0..1000 {
        s += b.read(i).unwrap().values.len() as u64;
    }
    eprintln!("glyph batch of 64: {:?} {s}", t.elapsed() / 1000);
}
