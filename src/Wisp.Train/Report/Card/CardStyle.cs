namespace Wisp.Train.Report.Card;

/// <summary>What the card's page has beside the style of a run's report.</summary>
internal static class CardStyle
{
    public const string Css = """
        .life{display:flex;gap:3px;margin:30px 0 0;padding:0;list-style:none}
        .life li{min-width:84px;border-top:5px solid var(--k);background:var(--card);padding:10px 14px 12px;
        border-radius:3px 3px 10px 10px;box-shadow:inset 0 0 0 1px var(--rule);overflow:hidden}
        .life b{display:block;font-weight:620;overflow-wrap:anywhere;line-height:1.25}
        .life span{display:block;color:var(--soft);font-size:.8rem;font-variant-numeric:tabular-nums;line-height:1.45}
        .k0{--k:var(--a)}.k1{--k:var(--b)}.k2{--k:var(--c)}.k3{--k:var(--d)}.k4{--k:#b0398a}.k5{--k:#8a7a1f}
        .k6{--k:#4478c2}.k7{--k:#a3483f}
        @media (prefers-color-scheme:dark){.k4{--k:#f08cc8}.k5{--k:#d9c65a}.k6{--k:#86b4f0}.k7{--k:#ef9a90}}
        .whiskers{display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:18px}
        .whisker{stroke:var(--k);stroke-width:2.4;stroke-linecap:round}
        .mark{fill:var(--k);stroke:var(--card);stroke-width:1.5}
        .guess{stroke:var(--faint);stroke-dasharray:5 4;fill:none}
        .amount{font-size:15px;font-weight:620;fill:var(--ink);font-variant-numeric:tabular-nums}
        .who{font-size:14px;fill:var(--soft)}
        .matrix td,.matrix thead th{white-space:nowrap}
        .matrix td small{display:block;font-size:.76rem}
        .matrix .task{font-weight:620;color:var(--ink)}
        .matrix .guessed{color:var(--faint)}
        .matrix .best{font-weight:620}
        .answers{background:var(--card);border:1px solid var(--rule);border-radius:12px;margin:0 0 18px;
        overflow:hidden}
        .answers h3{margin:0;padding:14px 20px;font-size:1rem;font-weight:620;border-bottom:1px solid var(--rule);
        overflow-wrap:anywhere}
        .answers div{display:grid;grid-template-columns:repeat(auto-fit,minmax(220px,1fr));gap:1px;
        background:var(--grid)}
        .answers article{background:var(--card);padding:12px 20px 16px;border-top:3px solid var(--k)}
        .answers h4{margin:0 0 6px;font-size:.8rem;font-weight:500;color:var(--soft)}
        .answers p{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.95rem;line-height:1.45;
        font-family:Charter,"Iowan Old Style","Palatino Linotype","Noto Serif","DejaVu Serif",Georgia,serif}
        .none{color:var(--faint);font-style:italic}
        .stage{background:var(--card);border:1px solid var(--rule);border-left:5px solid var(--k);border-radius:12px;
        padding:16px 22px 18px;margin:0 0 18px}
        .stage h3{margin:0 0 8px;font-size:1.05rem;letter-spacing:-.01em}
        .stage h3 small{color:var(--soft);font-weight:400;margin-left:8px}
        .stage dl{display:grid;grid-template-columns:minmax(150px,max-content) minmax(0,1fr);gap:4px 20px;
        margin:14px 0 0;font-size:.9rem}
        .stage dt{color:var(--soft)}.stage dd{margin:0;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
        .stage code{font-size:.8rem}
        @media (max-width:900px){.whiskers{grid-template-columns:repeat(2,minmax(0,1fr))}}
        @media (max-width:820px){.life{flex-direction:column}.life li{flex:none!important}}
        @media (max-width:560px){.whiskers{grid-template-columns:minmax(0,1fr)}
        .stage{padding:14px}.stage dl{grid-template-columns:minmax(0,1fr);gap:0}.stage dd{margin:0 0 8px}}
        @media print{.stage,.answers{break-inside:avoid}}
        """;
}
