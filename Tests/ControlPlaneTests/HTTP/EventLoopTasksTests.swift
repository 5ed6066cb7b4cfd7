import HTTPTypes
import HummingbirdCore
import NIOCore
import NIOEmbedded
import NIOPosix
import Synchronization
import Testing

@testable import ControlPlane

@Suite struct EventLoopTasksTests {
    private static func isOn(_ loop: any EventLoop) async -> Bool { loop.inEventLoop }

    @Test func aTaskRunsOnItsLoopLeavesItAndComesBack() async {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        #expect(await !Self.isOn(loop))
        let tasks = await Self.tasks(of: loop)
        let places = await withTaskExecutorPreference(tasks) { () async -> [Bool] in
            let before = await Self.isOn(loop)
            let away = await withTaskExecutorPreference(globalConcurrentExecutor) {
                () async -> Bool in await Self.isOn(loop)
            }
            return [before, away, await Self.isOn(loop)]
        }
        #expect(places == [true, false, true])
    }

    private final class Turns: Sendable {
        private let taken = Mutex<[String]>([])
        func add(_ name: String) { self.taken.withLock { $0.append(name) } }
        var names: [String] { self.taken.withLock { $0 } }
    }

    private static func tasks(of loop: any EventLoop) async -> EventLoopTasks? {
        try? await loop.submit { EventLoopTasks(loop) }.get()
    }

    @Test func aTaskThatIsBegunIsOverWhereItWaitsForNobody() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let turns = Turns()
        let tasks = try #require(await Self.tasks(of: loop))
        let (first, second) = try await loop.submit {
            let first = tasks.beginTask {
                #expect(await Self.isOn(loop))
                turns.add("first")
                await Task.yield()
                #expect(await Self.isOn(loop))
                turns.add("first again")
            }
            turns.add("begun")
            let second = Task(executorPreference: tasks) { turns.add("second") }
            turns.add("made")
            return (first, second)
        }.get()
        await first.value
        await second.value
        #expect(turns.names.prefix(3) == ["first", "begun", "made"])
        #expect(Set(turns.names.dropFirst(3)) == ["first again", "second"])
    }

    @Test func aResponderThatTakesLongerLeavesTheLoop() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let turns = Turns()
        let respond = HTTPService.offTheLoop { _, _ in
            turns.add(await Self.isOn(loop) ? "on" : "off")
            return Response(status: .ok)
        }
        let tasks = try #require(await Self.tasks(of: loop))
        let request = Request(
            head: HTTPRequest(method: .get, scheme: nil, authority: nil, path: "/"),
            body: RequestBody(buffer: ByteBuffer()))
        let connection = RequestConnection(NIOAsyncTestingChannel())
        await withTaskExecutorPreference(tasks) {
            _ = await respond(request, connection)
            turns.add(await Self.isOn(loop) ? "on" : "off")
        }
        #expect(turns.names == ["off", "on"])
    }

    @Test func whatHandsOutKeysOrTakesFilesLeavesTheLoop() {
        let brief = OperationTable.all.filter(\.isBrief)
        #expect(brief.map(\.name).contains("DescribeThing"))
        for operation in brief {
            #expect(!operation.streams, "\(operation.name)")
            #expect(!operation.name.contains("Keys"), "\(operation.name)")
        }
    }
}
