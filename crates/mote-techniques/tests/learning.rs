//! Techniques that train a network anew, in a pipeline: told in figures, before int8, and with int8 behind them.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::Setting;
use mote_model::Op;

/// Oscillations of two tempi by four users, all starting alike.
fn setting() -> Setting {
    Setting::new(
        8,
        |window| (window / 24) as u32,
        |window, t, c, tempo| {
            let i = (window * 30 + t) * 3 + c;
            let noise = ((i * 7) as f32 * 12.9898).sin() * 0.5;
            (t as f32 * tempo + c as f32).sin() * (4.0 + (window % 5) as f32 * 0.5) + noise
        },
    )
}

#[test]
fn each_trains_a_network_that_goes_on_to_int8() {
    let setting = setting();
    for (step, said) in [
        (
            "contrastive:epochs=3,batch=32,labels=0.5,augment=rotation/jitter,head=finetune",
            "48 windows with labels (50 %) trained the network",
        ),
        (
            "contrastive:epochs=3,batch=32,head=linear,tune=20,supervised=true",
            "96 windows with labels (100 %) trained the last layer",
        ),
        (
            "contrastive:epochs=0,labels=0.5,of=windows",
            "not pretrained",
        ),
        ("pca:components=6", "6 components keep "),
        (
            "pca:variance=0.8,head=mlp,hidden=8,epochs=20",
            "in 3 layers",
        ),
    ] {
        let (artifact, lines) = setting.pipeline(&[step, "int8"]).unwrap();
        assert!(lines.iter().any(|l| l.contains(said)), "{step}: {lines:?}");
        assert!(artifact.graph.is_int8());
        let right = setting.right(&artifact);
        assert!(right > 90, "{step}: {right} of 96");
    }
}

#[test]
fn what_they_train_is_trained_on_by_the_next() {
    let setting = setting();
    let (artifact, _) = setting
        .pipeline(&["contrastive:epochs=0", "prune-channels:epochs=4", "int8"])
        .unwrap();
    assert!(artifact.graph.macs() < setting.trained.graph.macs() * 6 / 10);
    assert!(setting.right(&artifact) > 90);
}

#[test]
fn principal_components_are_dense_layers() {
    let setting = setting();
    let (artifact, _) = setting
        .pipeline(&["pca:components=6,head=mlp,epochs=1"])
        .unwrap();
    let ops = artifact.graph.nodes.iter().map(|n| &n.op);
    assert!(ops.clone().all(|op| matches!(op, Op::Dense(_))));
    assert_eq!(ops.count(), 3);
}

#[test]
fn what_cannot_be_is_refused_with_the_reason() {
    let setting = setting();
    for (steps, reason) in [
        (["int8", "contrastive:epochs=1"], "before `int8`"),
        (["int8", "pca"], "before `int8`"),
        (["pca:components=2", "qat"], "no longer what training made"),
        (["contrastive:epochs=1,batch=1", "int8"], "batch"),
        (["contrastive:labels=0", "int8"], "labels"),
        (["pca:components=3,variance=0.9", "int8"], "not both"),
        (["pca:head=cnn", "int8"], "lda, mlp"),
    ] {
        let e = setting.pipeline(&steps).err().unwrap().to_string();
        assert!(e.contains(reason), "{steps:?}: {e}");
    }
}
