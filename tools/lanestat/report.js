// SPDX-License-Identifier: MIT
// Tables sort by the column whose name is clicked, and by the address: #classes=-in_use is the
// table classes by in_use, largest first.
(function () {
	"use strict";

	function value(row, column) {
		var d = row.cells[column].dataset;
		var text = d.sort || d.v;
		return text === undefined ? row.cells[column].textContent : Number(text);
	}

	function sort(table, th, down) {
		var column = th.cellIndex, body = table.tBodies[0];
		var rows = Array.prototype.slice.call(body.rows);
		rows.sort(function (a, b) {
			var x = value(a, column), y = value(b, column);
			return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1);
		});
		rows.forEach(function (row) { body.appendChild(row); });
		Array.prototype.forEach.call(table.tHead.rows[0].cells, function (cell) {
			cell.removeAttribute("aria-sort");
		});
		th.setAttribute("aria-sort", down ? "descending" : "ascending");
	}

	function fromAddress() {
		location.hash.slice(1).split("&").forEach(function (part) {
			var words = part.split("="), down = /^-/.test(words[1] || "");
			var table = document.getElementById(words[0]);
			var key = (words[1] || "").replace(/^-/, "");
			if (!table || !table.tHead)
				return;
			Array.prototype.forEach.call(table.tHead.rows[0].cells, function (th) {
				if (th.dataset.key === key)
					sort(table, th, down);
			});
		});
	}

	document.addEventListener("click", function (e) {
		var button = e.target.closest("th button");
		if (!button)
			return;
		var th = button.parentNode;
		sort(th.closest("table"), th, th.getAttribute("aria-sort") !== "descending");
	});
	addEventListener("hashchange", fromAddress);
	fromAddress();
})();
