// SPDX-License-Identifier: MIT
// Flame graphs: a click zooms to a function, the field searches. Text is matched as a regular
// expression, or as it stands where it is none.
(function () {
	"use strict";

	function number(frame, name) {
		return Number(frame.dataset[name]);
	}

	function title(frame) {
		return frame.firstElementChild.textContent;
	}

	function start(graph) {
		var frames = Array.prototype.slice.call(graph.querySelectorAll(".f"));
		var field = graph.querySelector("input"), whole = graph.querySelector("button");
		var output = graph.querySelector("output"), all = number(frames[0], "v");

		function zoom(to) {
			var x = number(to, "x"), w = number(to, "w"), y = Number(to.getAttribute("y"));
			frames.forEach(function (f) {
				var fx = number(f, "x"), fw = number(f, "w");
				// The numbers have four digits: neighbours may seem to overlap by one of the last.
				var above = fx <= x + 2e-4 && fx + fw >= x + w - 2e-4 && Number(f.getAttribute("y")) < y;
				var inside = fx >= x - 2e-4 && fx + fw <= x + w + 2e-4 && Number(f.getAttribute("y")) >= y;
				f.classList.toggle("above", above);
				f.style.display = above || inside ? "" : "none";
				f.setAttribute("x", above ? "0%" : (fx - x) / w * 100 + "%");
				f.setAttribute("width", above ? "100%" : fw / w * 100 + "%");
			});
			whole.hidden = to === frames[0];
		}

		function matcher(text) {
			try {
				return new RegExp(text, "i");
			} catch (e) {
				return new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i");
			}
		}

		// What is inside of a hit is a part of it already.
		function search(text) {
			var want = matcher(text), sum = 0, hits = 0, covered = [];
			frames.forEach(function (f) {
				var name = title(f).split("\n")[0], hit = text !== "" && f !== frames[0] && want.test(name);
				f.classList.toggle("hit", hit);
				if (!hit)
					return;
				var x = number(f, "x"), w = number(f, "w"), y = Number(f.getAttribute("y"));
				hits++;
				if (!covered.some(function (c) { return c.y < y && c.x <= x + 2e-4 && c.x + c.w >= x + w - 2e-4; })) {
					covered.push({x: x, w: w, y: y});
					sum += number(f, "v");
				}
			});
			output.textContent = text === "" ? "" : hits + (hits === 1 ? " match, " : " matches, ") +
				(sum / 1048576).toFixed(1) + " MiB, " + (100 * sum / all).toFixed(1) + " %";
		}

		graph.querySelector(".graph").addEventListener("click", function (e) {
			var f = e.target.closest(".f");
			if (f)
				zoom(f);
		});
		whole.addEventListener("click", function () { zoom(frames[0]); });
		field.addEventListener("input", function () { search(field.value); });
		field.addEventListener("keydown", function (e) {
			if (e.key === "Escape") {
				field.value = "";
				search("");
				zoom(frames[0]);
			}
		});
	}

	Array.prototype.forEach.call(document.querySelectorAll(".flame"), start);
})();
