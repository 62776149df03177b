namespace Wisp.Train.Report;

/// <summary>The report's style: one column on a phone, two on a desk, light and dark by the reader's setting.</summary>
internal static class ReportStyle
{
    public const string Css = """
        :root{color-scheme:light dark;--paper:#fbfaf7;--card:#fff;--ink:#1d1f21;--soft:#5f6368;--faint:#8b9095;
        --rule:#e4e1d9;
        --grid:#ecebe5;--a:#0b7a75;--b:#c2571a;--c:#5b5bd6;--d:#2f7d32;--code:#f3f1ea;--bar:#c9cdd1}
        @media (prefers-color-scheme:dark){:root{--paper:#111416;--card:#181c1f;--ink:#e8e6e1;--soft:#a5abb0;
        --faint:#80868c;
        --rule:#2b3135;--grid:#242a2e;--a:#4fd1c5;--b:#f2a65e;--c:#a3a8ff;--d:#7fce83;--code:#20262a;--bar:#4a5258}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--paper);color:var(--ink);
        font:16px/1.55 ui-sans-serif,system-ui,-apple-system,"Segoe UI",
        Roboto,"Helvetica Neue","Noto Sans","DejaVu Sans",sans-serif;-webkit-text-size-adjust:100%}
        main{max-width:1120px;margin:0 auto;padding:48px 24px 72px}
        h1{font-size:2rem;line-height:1.2;letter-spacing:-.02em;margin:0 0 6px;overflow-wrap:anywhere}
        h2{font-size:1.2rem;letter-spacing:-.01em;margin:56px 0 16px}
        h2+p{margin-top:-8px}
        p{margin:0 0 12px}
        .soft{color:var(--soft)}
        pre,code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.86rem}
        pre{background:var(--code);border-radius:8px;padding:12px 14px;margin:18px 0 0;white-space:pre-wrap;
        overflow-wrap:anywhere}
        .word{display:inline-block;max-width:100%}
        .facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(158px,1fr));gap:1px;margin:30px 0 0;padding:0;
        background:var(--rule);border:1px solid var(--rule);border-radius:12px;overflow:hidden}
        .facts div{background:var(--card);padding:16px 18px}
        .facts dt{color:var(--soft);font-size:.82rem}
        .facts dd{margin:2px 0 0;font-size:1.36rem;line-height:1.35;font-weight:620;letter-spacing:-.025em;
        font-variant-numeric:tabular-nums;white-space:nowrap}
        .facts small{display:block;white-space:normal;line-height:1.4;color:var(--faint);font-size:.78rem;
        font-weight:400;letter-spacing:0}
        .charts{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:18px}
        figure{margin:0;background:var(--card);border:1px solid var(--rule);border-radius:12px;
        padding:16px 8px 6px 10px;min-width:0}
        figcaption{display:flex;flex-wrap:wrap;gap:2px 14px;align-items:baseline;padding:0 10px 8px 8px}
        figcaption b{font-weight:620}
        figcaption span{color:var(--soft);font-size:.84rem}
        .key::before{content:"";display:inline-block;width:16px;height:0;border-top:3px solid currentColor;
        border-radius:2px;
        margin-right:6px;vertical-align:middle}
        .key.raw::before{opacity:.35}
        svg{display:block;width:100%;height:auto}
        .grid{stroke:var(--grid);fill:none}
        .axis{stroke:var(--faint);fill:none}
        .tick{fill:var(--soft);font-size:12.5px;font-variant-numeric:tabular-nums}
        .name{fill:var(--faint)}
        .line{fill:none;stroke:currentColor;stroke-width:2.2;stroke-linejoin:round;stroke-linecap:round}
        .line.raw{stroke-width:1;opacity:.3}
        .dot{fill:var(--card);stroke:currentColor;stroke-width:2}
        .end{fill:currentColor;font-size:13px;font-weight:620;font-variant-numeric:tabular-nums}
        .a{color:var(--a)}.b{color:var(--b)}.c{color:var(--c)}.d{color:var(--d)}
        .bars{background:var(--card);border:1px solid var(--rule);border-radius:12px;padding:16px 20px}
        .bar{display:grid;grid-template-columns:190px minmax(0,1fr) 150px;gap:2px 14px;align-items:center;padding:4px 0}
        .bars .track{height:20px}
        .bars i{display:block;height:100%;background:var(--bar);border-radius:3px;min-width:2px}
        .bar.model{font-weight:620}
        .bar.model i{background:var(--a)}
        .bars .value{font-variant-numeric:tabular-nums;text-align:right}
        .bars small,td small{color:var(--soft);font-weight:400}
        .scroll{overflow-x:auto;background:var(--card);border:1px solid var(--rule);border-radius:12px}
        table{border-collapse:collapse;width:100%;font-size:.92rem}
        th,td{text-align:left;padding:8px 18px;border-top:1px solid var(--grid);vertical-align:top}
        tr:first-child>*{border-top:0}
        thead th{color:var(--soft);font-weight:500;font-size:.82rem}
        tbody th{font-weight:400;color:var(--soft);white-space:nowrap}
        td{font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
        .hash{margin-top:10px}.hash code{overflow-wrap:anywhere}
        .n{text-align:right;white-space:nowrap}
        tfoot>tr>*{border-top:1px solid var(--faint);font-weight:620}
        .two{columns:2;column-gap:18px}
        .two>div{break-inside:avoid;margin:0 0 18px}
        .sample{display:grid;grid-template-columns:92px minmax(0,1fr);gap:4px 18px;padding:16px 20px;
        border-top:1px solid var(--grid)}
        .sample:first-child{border-top:0}
        .sample h3{margin:3px 0 0;font-size:.82rem;font-weight:500;color:var(--soft);font-variant-numeric:tabular-nums}
        .sample p{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:isolate;
        font-family:Charter,"Iowan Old Style","Palatino Linotype","Noto Serif","DejaVu Serif",Georgia,serif}
        .sample b{color:var(--a);font-weight:620}
        footer{margin-top:48px;color:var(--faint);font-size:.84rem}
        @media (max-width:820px){.charts{grid-template-columns:minmax(0,1fr)}.two{columns:1}}
        @media (max-width:560px){main{padding:28px 14px 48px}h1{font-size:1.5rem}h2{margin-top:40px}.facts{
        grid-template-columns:1fr 1fr}
        .facts div{padding:12px 14px}.facts dd{font-size:1.2rem}.tick{font-size:17px}.end{font-size:17px}figure{
        padding-left:4px}
        .sample{grid-template-columns:minmax(0,1fr);padding:14px}table{font-size:.82rem}th,td{padding:7px 8px}
        thead th{font-size:.76rem}
        .bars{padding:10px 14px}.bar{grid-template-columns:minmax(0,1fr) max-content;padding:6px 0}
        .bars .track{grid-column:1/-1;order:3;height:14px}}
        @media print{body{background:#fff}main{max-width:none;padding:0}figure,.sample{break-inside:avoid}}
        """;
}
