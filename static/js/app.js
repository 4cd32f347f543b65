// What every page has. Each module acts on data attributes and knows nothing of the others.
import "./theme.js";
import "./rail.js";
import "./menu.js";
import "./dialog.js";
import "./palette.js";
import "./toast.js";
import "./copy.js";
import "./table.js";
import "./filter.js";
import "./lists.js";
import "./forms.js";
import "./log.js";
import "./save.js";
import "./time.js";
import "./live.js";
