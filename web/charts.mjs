// The parts of ECharts that the board draws with; bundled by build.mjs into web/static/vendor/charts.js as `echarts`.
// On a canvas: the SVG renderer writes style attributes, which the pages' Content-Security-Policy forbids.

import { BarChart, LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, TooltipComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([BarChart, LineChart, GridComponent, LegendComponent, TooltipComponent, CanvasRenderer]);

export { init };
